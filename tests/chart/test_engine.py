"""The engine's command line, environment, GPUs and shared memory."""

from __future__ import annotations

import typing as t

import pytest

from tests.chart._render import Values, render

MANAGED = ["--shutdown-timeout", "45", "--disable-access-log-for-endpoints", "/health,/metrics,/ping"]
FIRST = ["meta-llama/Meta-Llama-3-8B-Instruct", "--served-model-name", "llama-3-8b", "--revision", "8afb486c1db2"]

ENGINE: dict[str, tuple[t.Any, list[str]]] = {
    "tensorParallelSize": (2, ["--tensor-parallel-size", "2"]),
    "pipelineParallelSize": (2, ["--pipeline-parallel-size", "2"]),
    "maxModelLen": (1048576, ["--max-model-len", "1048576"]),
    "maxNumSeqs": (256, ["--max-num-seqs", "256"]),
    "maxNumBatchedTokens": (8192, ["--max-num-batched-tokens", "8192"]),
    "gpuMemoryUtilization": (0.9, ["--gpu-memory-utilization", "0.9"]),
    "dtype": ("bfloat16", ["--dtype", "bfloat16"]),
    "quantization": ("fp8", ["--quantization", "fp8"]),
    "kvCacheDtype": ("fp8_e4m3", ["--kv-cache-dtype", "fp8_e4m3"]),
    "enablePrefixCaching": (True, ["--enable-prefix-caching"]),
    "enableChunkedPrefill": (False, ["--no-enable-chunked-prefill"]),
    "enforceEager": (True, ["--enforce-eager"]),
    "trustRemoteCode": (False, ["--no-trust-remote-code"]),
    "chatTemplate": ("{{ messages[0]['content'] }}", ["--chat-template", "{{ messages[0]['content'] }}"]),
    "toolCallParser": ("hermes", ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]),
    "reasoningParser": ("qwen3", ["--reasoning-parser", "qwen3"]),
    "seed": (0, ["--seed", "0"]),
    "extraArgs": (["--max-loras", "2", "--enable-lora"], ["--max-loras", "2", "--enable-lora"]),
}


def test_without_engine_values_vllm_decides(helm: str) -> None:
    assert render(helm=helm).args == [*FIRST, *MANAGED]


def test_without_a_revision_there_is_no_flag() -> None:
    assert "--revision" not in render({"model": {"revision": None}}).args


@pytest.mark.parametrize("name", ENGINE)
def test_a_value_becomes_its_flag(name: str, helm: str) -> None:
    value, flags = ENGINE[name]
    between = MANAGED + flags if name == "extraArgs" else flags + MANAGED
    assert render({"engine": {name: value}}, helm=helm).args == [*FIRST, *between]


@pytest.mark.parametrize("written", ["8k", "auto", "16384"])
def test_the_context_may_be_written_as_vllm_reads_it(written: str) -> None:
    assert written in render({"engine": {"maxModelLen": written}}).args


@pytest.mark.parametrize(
    ("image", "flags"),
    [
        ({"tag": "v0.15.1"}, []),
        ({"tag": "v0.16.0-cu129"}, MANAGED[2:]),
        ({"tag": "0.18"}, MANAGED),
        ({"tag": "nightly"}, MANAGED),
        ({"tag": None, "digest": "sha256:" + "0" * 64}, MANAGED),
    ],
)
def test_an_older_vllm_gets_only_flags_that_it_knows(image: Values, flags: list[str]) -> None:
    assert render({"image": image}).args == [*FIRST, *flags]


def test_the_version_may_be_said_where_a_digest_hides_it() -> None:
    hidden = {"image": {"tag": None, "digest": "sha256:" + "0" * 64}, "engine": {"version": "0.15.0"}}
    assert render(hidden).args == FIRST


def test_no_drain_gives_no_flag_and_no_hook() -> None:
    rendered = render({"drain": {"preStopSeconds": 0, "shutdownTimeoutSeconds": 0}})
    assert "--shutdown-timeout" not in rendered.args
    assert "lifecycle" not in rendered.container


def test_a_name_reaches_the_server_as_it_was_written(helm: str) -> None:
    name = 'It\'s "$(HOME)" \\ <a&b> 100% {{ .Values }}'
    rendered = render({"model": {"servedName": name}}, helm=helm)
    # Kubernetes reads $$ as one dollar, and would replace a single $(HOME).
    assert rendered.args[2] == name.replace("$", "$$")
    assert rendered.container["startupProbe"]["exec"]["command"][3] == name.replace("$", "$$")
    assert rendered.test_pod["spec"]["containers"][0]["command"][4] == name.replace("$", "$$")


@pytest.mark.parametrize(
    ("values", "gpus", "shm"),
    [
        ({}, 1, None),
        ({"engine": {"tensorParallelSize": 2}}, 2, "4Gi"),
        ({"engine": {"tensorParallelSize": 4, "pipelineParallelSize": 2}}, 8, "16Gi"),
        ({"gpu": {"count": 2}, "engine": {"extraArgs": ["-dp", "2"]}}, 2, "4Gi"),
        ({"engine": {"tensorParallelSize": 2}, "shm": {"sizeLimit": "20Gi"}}, 2, "20Gi"),
        ({"shm": {"enabled": True}}, 1, "2Gi"),
        ({"gpu": {"count": 0}}, 0, "2Gi"),
    ],
)
def test_gpus_and_shared_memory_follow_from_the_parallelism(values: Values, gpus: int, shm: str | None) -> None:
    rendered = render(values)
    for side in ("requests", "limits"):
        assert (rendered.container["resources"].get(side) or {}).get("nvidia.com/gpu", 0) == gpus
    volumes = {volume["name"]: volume for volume in rendered.pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in rendered.container["volumeMounts"]}
    assert mounts.get("shm") == ("/dev/shm" if shm else None)
    assert volumes.get("shm", {}).get("emptyDir") == ({"medium": "Memory", "sizeLimit": shm} if shm else None)


def test_gpus_of_another_vendor_are_asked_for_by_their_name() -> None:
    limits = render({"gpu": {"resourceName": "nvidia.com/mig-3g.40gb"}}).container["resources"]["limits"]
    assert limits == {"nvidia.com/mig-3g.40gb": 1}


def test_secrets_come_by_reference_only() -> None:
    rendered = render({"apiKey": {"existingSecret": {"name": "a", "key": "k"}}, "hfToken": {"existingSecret": {"name": "h", "key": "t"}}})
    assert rendered.env["VLLM_API_KEY"] == {"secretKeyRef": {"name": "a", "key": "k"}}
    assert rendered.env["HF_TOKEN"] == {"secretKeyRef": {"name": "h", "key": "t"}}
    assert "Secret" not in rendered.kinds


def test_without_secrets_none_is_named() -> None:
    assert not {"VLLM_API_KEY", "HF_TOKEN"} & set(render().env)


def test_everything_that_is_written_is_written_below_the_cache() -> None:
    env = render().env
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR"):
        assert env[name].startswith("/cache"), name
    assert env["USER"]
    assert env["VLLM_NO_USAGE_STATS"] == "1"


def test_offline_closes_the_hub() -> None:
    rendered = render({"offline": True, "model": {"source": "/models/x"}, "networkPolicy": {"enabled": True}})
    assert rendered.env["HF_HUB_OFFLINE"] == rendered.env["TRANSFORMERS_OFFLINE"] == "1"
    assert not [rule for rule in rendered.one("NetworkPolicy")["spec"]["egress"] if rule["ports"][0]["port"] == 443]
