"""Every check against one server: the simulated engine, or whatever listens at VERIFY_URL.

The other server serves VERIFY_MODEL to those who have VERIFY_KEY, with the adapter VERIFY_ADAPTER and a tool-call parser.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

import pytest

from tests.integration.endpoint.conftest import KEY, MODEL, codes, engine, verdicts, verified

CHECKS = ["reach", "health", "ready", "version", "models", "authentication", "chat", "completion", "stream", "wrong_model"]
CHECKS += ["tools", "json_schema", "lora", "golden", "metrics", "latency"]
SAME = {"prompt": "Say OK.", "same": True}
FLAGS = (
    "--api-key",
    KEY,
    "--enable-lora",
    "--lora-modules",
    "style=/adapters/style",
    "--enable-auto-tool-choice",
    "--tool-call-parser",
    "hermes",
    "--max-model-len",
    "8192",
)


@dataclasses.dataclass(frozen=True)
class Server:
    url: str
    model: str = MODEL
    key: str = KEY
    adapter: str = "style"

    def verified(self, **options: t.Any) -> dict[str, t.Any]:
        given = {"url": self.url, "model": self.model, "endpoint_api_key": self.key, "timeout": 120.0, "request_timeout": 60.0, **options}
        return verified(**given)


@pytest.fixture(scope="module")
def server() -> t.Iterator[Server]:
    if "VERIFY_URL" in os.environ:
        yield Server(*(os.environ[f"VERIFY_{name}"] for name in ("URL", "MODEL", "KEY", "ADAPTER")))
        return
    with engine(*FLAGS) as running:
        yield Server(running.url)


def test_every_check_passes_where_it_should(server: Server) -> None:
    golden = [SAME, {"prompt": "Say OK.", "regex": "(?s)^.*$"}, {"prompt": "Say OK.", "prefix": ""}]
    result = server.verified(
        checks=CHECKS,
        key_required=True,
        lora_adapters=[server.adapter],
        golden=golden,
        reference_url=server.url,
        reference_api_key=server.key,
        samples=60,
        concurrency=4,
        gates={"p95_e2e_seconds": 3, "completion_seconds": 3, "error_rate": {"max": 0.001, "min_samples": 60}},
    )
    assert result["verdict"] == "pass", result["message"]
    assert list(verdicts(result)) == CHECKS
    assert [name for name, verdict in verdicts(result).items() if verdict != "pass"] == ["ready"]
    assert {gate["name"]: gate["verdict"] for gate in result["gates"]} == dict.fromkeys(("p95_e2e_seconds", "completion_seconds", "error_rate"), "pass")


#: Options, the check, its verdict and its code.
WRONG: dict[str, tuple[dict[str, t.Any], str, str, str]] = {
    "another name": ({"model": "mistral-7b"}, "models", "fail", "wrong_model"),
    "no key": ({"endpoint_api_key": ""}, "models", "fail", "key_refused"),
    "a wrong key": ({"endpoint_api_key": "wrong"}, "authentication", "fail", "key_refused"),
    "a key that nobody expects": ({"key_required": False}, "authentication", "fail", "key_unexpected"),
    "another kind": ({"kind": "embedding"}, "embedding", "fail", "http_status"),
    "an adapter that is not there": ({"lora_adapters": ["other"]}, "lora", "fail", "adapter_missing"),
    "another golden answer": ({"golden": [{"prompt": "Say OK.", "exact": "the answer of another model"}]}, "golden", "fail", "golden_mismatch"),
    "no golden reference": ({"golden": [SAME], "reference_url": "http://127.0.0.1:9"}, "golden", "inconclusive", "connection_refused"),
    "a series that is not there": ({"metrics": ["vllm:gpu_cache_usage_perc"]}, "metrics", "fail", "series_missing"),
    "no route": ({"url": "http://127.0.0.1:9"}, "reach", "fail", "connection_refused"),
    "a prompt that is too long": ({"prompt": "word " * 19_000, "max_tokens": 4096}, "chat", "fail", "http_status"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_check_fails_where_it_should_with_the_right_code(server: Server, wrong: str) -> None:
    options, check, verdict, code = WRONG[wrong]
    result = server.verified(checks=[check], **options)
    assert (verdicts(result)[check], result["verdict"]) == (verdict, verdict)
    assert (codes(result)[check], result["code"]) == (code, code), result["message"]
    assert KEY not in str(result)
