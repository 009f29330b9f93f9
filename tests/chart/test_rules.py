"""Values that cannot work are refused before anything is changed, in words that name the value and the way out."""

from __future__ import annotations

import json

import pytest

from tests.chart._render import Values, render, run_helm

DIGEST = "sha256:" + "0123456789abcdef" * 4
ARGS = "engine.extraArgs"

SCHEMA: dict[str, tuple[Values, str]] = {
    "an unknown value": ({"replicaCount": 2}, "additional properties 'replicaCount' not allowed"),
    "a misspelt engine setting": ({"engine": {"tensorParalelSize": 2}}, "at '/engine': additional properties 'tensorParalelSize' not allowed"),
    "the readiness path that vLLM does not have": (
        {"probes": {"readiness": {"path": "/ready"}}},
        "/probes/readiness/path': value must be one of '/health'",
    ),
    "a startup path that vLLM does not have": ({"probes": {"startup": {"path": "/healthz"}}}, "at '/probes/startup/path'"),
    "a token in the values": ({"hfToken": {"value": "hf_x"}}, "at '/hfToken': additional properties 'value' not allowed"),
    "a key in the values": ({"apiKey": {"value": "x"}}, "at '/apiKey': additional properties 'value' not allowed"),
    "a Secret without its key": ({"apiKey": {"existingSecret": {"name": "x"}}}, "missing property 'key'"),
    "GPUs among the resources": ({"resources": {"limits": {"nvidia.com/gpu": 1}}}, "additional properties 'nvidia.com/gpu' not allowed"),
    "an environment of another name": ({"environment": "prod"}, "at '/environment': value must be one of 'development'"),
    "a size of another name": ({"model": {"size": "7B"}}, "at '/model/size': value must be one of 'small'"),
    "a GPU share above one": ({"engine": {"gpuMemoryUtilization": 1.5}}, "at '/engine/gpuMemoryUtilization'"),
    "a switch as text": ({"engine": {"enableChunkedPrefill": "False"}}, "at '/engine/enableChunkedPrefill': got string, want null or boolean"),
    "a digest that is none": ({"image": {"digest": "latest"}}, "at '/image/digest'"),
    "a root user": ({"securityContext": {"runAsUser": 0}}, "at '/securityContext/runAsUser'"),
    "a disruption budget that stops every drain": ({"podDisruptionBudget": {"maxUnavailable": 0}}, "at '/podDisruptionBudget/maxUnavailable'"),
    "a number as a flag's value": ({"engine": {"extraArgs": ["--max-loras", 2]}}, "at '/engine/extraArgs/1': got number, want string"),
    "a model that begins like a flag": ({"model": {"source": "--help"}}, "at '/model/source'"),
    "a resource without a domain": ({"gpu": {"resourceName": "gpu"}}, "at '/gpu/resourceName'"),
    "a strategy that is not decided": ({"rollout": {"strategy": "auto"}}, "at '/rollout/strategy': value must be one of 'RollingUpdate', 'Recreate'"),
    "a revision that is no label": ({"release": {"revision": "a b"}}, "at '/release/revision'"),
    "a second egress namespace label": ({"networkPolicy": {"egress": {"name": "system"}}}, "additional properties 'egress' not allowed"),
    "a PVC size in words": ({"cache": {"size": "large"}}, "at '/cache/size'"),
}

RULES: dict[str, tuple[Values, str]] = {
    "no source": ({"model": {"source": None}}, "model.source is not set"),
    "no served name": ({"model": {"servedName": None}}, "model.servedName is not set"),
    "the tag latest in production": ({"environment": "production", "image": {"tag": "latest"}}, "image.tag latest is another image tomorrow"),
    "no revision in production": ({"environment": "production", "model": {"revision": None}}, "model.revision is not set: production needs"),
    "a tag and a digest": ({"image": {"digest": DIGEST}}, "image.tag and image.digest are both set"),
    "neither tag nor digest": ({"image": {"tag": None}}, "neither image.tag nor image.digest is set"),
    "grace equal to preStop and drain": ({"drain": {"terminationGracePeriodSeconds": 60}}, "preStopSeconds and shutdownTimeoutSeconds take 60 s together"),
    "a deadline within the startup window": ({"rollout": {"progressDeadlineSeconds": 600}}, "a pod may take 600 s to start"),
    "a deadline for a small model on a large one": (
        {"model": {"size": "large"}, "rollout": {"progressDeadlineSeconds": 1200}},
        "may take 1200 s to start",
    ),
    "a deadline within the ready time": ({"rollout": {"progressDeadlineSeconds": 900, "minReadySeconds": 900}}, "give more than 900"),
    "a rollout that can replace nothing": ({"rollout": {"maxSurge": 0, "maxUnavailable": "0%"}}, "are both 0"),
    "a probe longer than its period": (
        {"probes": {"readiness": {"timeoutSeconds": 11}}},
        "timeoutSeconds is 11, longer than its period of 10 s",
    ),
    "fewer GPUs than workers": ({"engine": {"tensorParallelSize": 2, "pipelineParallelSize": 2}, "gpu": {"count": 2}}, "needs 4"),
    "no shared memory for two GPUs": ({"engine": {"tensorParallelSize": 2}, "shm": {"enabled": False}}, "shm.enabled is false, but 2 GPUs"),
    "shared memory as large as the limit": (
        {"engine": {"tensorParallelSize": 8}, "resources": {"limits": {"memory": "16Gi"}}},
        "leaves nothing beside /dev/shm (16Gi)",
    ),
    "a memory request above its limit": ({"resources": {"limits": {"memory": "15G"}}}, "resources.requests.memory 16Gi is above"),
    "a claim of one pod for two": ({"replicas": 2, "cache": {"type": "pvc"}}, "serves one pod, but replicas is 2"),
    "a claim of one pod in a rolling update": ({"cache": {"type": "existing", "existingClaim": "x"}}, "set rollout.strategy to Recreate"),
    "an existing claim without a name": ({"cache": {"type": "existing", "accessMode": "ReadWriteMany"}}, "cache.existingClaim is not set"),
    "a host path without a folder": ({"cache": {"type": "hostPath"}}, "cache.hostPath is not set"),
    "offline with nothing cached": ({"offline": True}, "offline is true, but nothing holds the model"),
    "an account without a name": ({"serviceAccount": {"create": False}}, "serviceAccount.name is not set"),
    "a scrape longer than its interval": ({"serviceMonitor": {"enabled": True, "interval": "5s"}}, "scrapeTimeout 10s is longer than its interval 5s"),
    "a scrape that the network policy stops": (
        {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}},
        "add the namespace of Prometheus to networkPolicy.from.namespaces",
    ),
    "a scrape of a server without metrics": (
        {"serviceMonitor": {"enabled": True}, "engine": {"extraArgs": ["--disable-log-stats"]}},
        "removes every metric of vLLM",
    ),
    "a selector's label on the pods": ({"podLabels": {"app.kubernetes.io/name": "x"}}, "podLabels sets app.kubernetes.io/name, which the chart sets"),
}

FLAGS: dict[str, tuple[list[str], str]] = {
    "tensor parallelism, which GPUs are counted by": (["--tensor-parallel-size", "2"], "(--tensor-parallel-size): set engine.tensorParallelSize"),
    "its short form": (["-tp", "2"], "(-tp): set engine.tensorParallelSize"),
    "its form with underscores": (["--tensor_parallel_size=2"], "(--tensor-parallel-size): set engine.tensorParallelSize"),
    "its beginning, which the parser completes": (["--tensor-par=2"], "(--tensor-parallel-size): set engine.tensorParallelSize"),
    "a switch turned off": (["--no-enable-prefix-caching"], "set engine.enablePrefixCaching"),
    "an alias": (["--device-memory-utilization", "0.5"], "set engine.gpuMemoryUtilization"),
    "the key": (["--api-key", "x"], "name a Secret in apiKey.existingSecret"),
    "the port": (["--port=9000"], "the container's port is 8000"),
    "the model as a flag": (["--model", "x"], "set model.source"),
    "a file of flags": (["--config", "/x.yaml"], "would hide flags from the checks"),
    "the drain": (["--shutdown-timeout", "5"], "set drain.shutdownTimeoutSeconds"),
    "a flag of old guides": (["--swap-space", "4"], "vLLM has no such flag any more"),
    "a flag and its value in one word": (["--max-loras 2"], "as one word: write the flag and its value as two, or with ="),
    "a second model": (["x", "--lora"], 'begins with "x", which vLLM would take for a second model'),
    "data parallelism that no one counted": (["--data-parallel-size=2"], "multiplies the GPUs of a pod: set gpu.count to the product"),
    "a pooling server that must generate": (["--runner", "pooling"], "set probes.startup.generation to false"),
}

ENV: dict[str, tuple[Values, str]] = {
    "a setting that vLLM ignores": (
        {"name": "VLLM_TENSOR_PARALLEL_SIZE", "value": "2"},
        "vLLM does not read: its settings are flags; set engine.tensorParallelSize",
    ),
    "another one": ({"name": "VLLM_GPU_MEMORY_UTILIZATION", "value": "0.9"}, "set engine.gpuMemoryUtilization"),
    "development mode": ({"name": "VLLM_SERVER_DEV_MODE", "value": "0"}, "it is not deployed"),
    "the key": ({"name": "VLLM_API_KEY", "value": "x"}, "set apiKey.existingSecret instead"),
    "the token": ({"name": "HF_TOKEN", "value": "x"}, "set hfToken.existingSecret instead"),
    "another secret in the open": ({"name": "AWS_SECRET", "value": "x"}, "a secret belongs in a Secret"),
    "what the chart sets": ({"name": "HOME", "value": "/root"}, "already set"),
}

NAMES = {
    "vllm": "VLLM_PORT",
    "vllm-llama": "VLLM_LLAMA_PORT",
    "llama.3": "must begin with a letter",
    "3-llama": "must begin with a letter",
}


@pytest.mark.parametrize("case", SCHEMA)
def test_the_schema_refuses(case: str, helm: str) -> None:
    values, said = SCHEMA[case]
    assert said in render(values, helm=helm).error


@pytest.mark.parametrize("case", RULES)
def test_the_rules_refuse(case: str) -> None:
    values, said = RULES[case]
    assert said in render(values).error


@pytest.mark.parametrize("case", FLAGS)
def test_extra_arguments_may_not_hold(case: str) -> None:
    args, said = FLAGS[case]
    assert said in render({"engine": {"extraArgs": args}}).error


@pytest.mark.parametrize("case", ENV)
def test_the_environment_may_not_hold(case: str) -> None:
    entry, said = ENV[case]
    assert said in render({"env": [entry]}).error


@pytest.mark.parametrize("name", NAMES)
def test_a_release_may_not_be_called(name: str) -> None:
    assert NAMES[name] in render(release=name).error


def test_the_longest_name_that_helm_takes_is_fine() -> None:
    assert render(release="a" * 53).objects


def test_one_name_may_not_be_set_twice() -> None:
    twice = [{"name": "NCCL_DEBUG", "value": "INFO"}, {"name": "NCCL_DEBUG", "value": "WARN"}]
    assert "env sets NCCL_DEBUG, which is already set" in render({"env": twice}).error


def test_all_that_is_wrong_is_said_at_once(helm: str) -> None:
    bad = {"replicas": 2, "cache": {"type": "pvc"}, "drain": {"preStopSeconds": 40}, "engine": {"extraArgs": ["-tp", "2"]}}
    said = [line for line in render(bad, helm=helm).error.splitlines() if line.startswith("- ")]
    assert [line.split()[1] for line in said] == [ARGS, "drain.terminationGracePeriodSeconds", "cache.accessMode"]


def test_without_a_model_the_chart_says_what_is_missing(helm: str) -> None:
    error = render(helm=helm, model=False).error
    assert "model.source is not set" in error
    assert "model.servedName is not set" in error


GOOD: dict[str, Values] = {
    "a digest instead of the tag": {"image": {"tag": None, "digest": DIGEST}, "environment": "production"},
    "latest outside production": {"image": {"tag": "latest"}},
    "a path needs no revision in production": {"environment": "production", "model": {"source": "/models/llama", "revision": None}},
    "data parallelism that is counted": {"engine": {"extraArgs": ["--data-parallel-size=2"]}, "gpu": {"count": 2}},
    "a variable that vLLM reads": {"env": [{"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}]},
    "a variable that only this image reads": {"env": [{"name": "VLLM_OURS", "value": "1"}], "engine": {"extraEnvNames": ["VLLM_OURS"]}},
    "a secret by reference": {"env": [{"name": "AWS_SECRET", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "secret"}}}]},
    "a claim of one pod with Recreate": {"cache": {"type": "pvc"}, "rollout": {"strategy": "Recreate"}},
    "a claim of many pods": {"replicas": 3, "cache": {"type": "pvc", "accessMode": "ReadWriteMany"}},
    "offline with a cache": {"offline": True, "cache": {"type": "existing", "existingClaim": "weights", "accessMode": "ReadWriteMany"}},
    "a pooling server that is not asked to generate": {"engine": {"extraArgs": ["--runner", "pooling"]}, "probes": {"startup": {"generation": False}}},
    "a negative number as a flag's value": {"engine": {"extraArgs": ["--logprobs-mode", "x", "--max-logprobs", "-1"]}},
    "a value with spaces": {"engine": {"extraArgs": ["--override-generation-config", '{"top_p": 0.9}', "--hf-overrides={ }"]}},
    "a flag that begins like one of ours": {"engine": {"extraArgs": ["--chat-template-content-format", "openai", "--data-parallel-backend", "mp"]}},
    "no replicas": {"replicas": 0},
}


@pytest.mark.parametrize("case", GOOD)
def test_this_is_fine(case: str) -> None:
    assert render(GOOD[case]).objects


def test_a_number_from_the_command_line_is_taken(helm: str) -> None:
    assert "512" in run_helm(helm, "x", "", json.dumps({"model": {"source": "m", "servedName": "m"}, "engine": {"maxNumSeqs": 512}})).args
