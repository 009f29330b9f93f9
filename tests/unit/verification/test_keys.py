"""The key goes to the endpoint and nowhere else, whatever the endpoint does with it."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options
from ansible_collections.inference.vllm.plugins.module_utils.verification import _report_files, _verification

from tests.unit.endpoint.servers import Behaviour, event, vllm
from tests.unit.verification.verifying import KEY, broken_generation, options, reply, verdicts, verified

ECHOES: dict[str, Behaviour] = {
    "an error body": broken_generation(401, {"error": {"message": f"Incorrect key {KEY}", "type": "x"}}),
    "an error in a stream": Behaviour(chunks=lambda _asked: iter([event({"error": {"message": f"key {KEY} was revoked"}})])),
    "nonsense in a stream": Behaviour(chunks=lambda _asked: iter([f"data: {KEY}\n\n".encode()])),
    "an answer": broken_generation(200, reply(choices=[{"finish_reason": "stop", "message": {"content": f"{KEY} {KEY}"}}])),
    "a name": Behaviour(model=f"model-{KEY}"),
    "a redirect": Behaviour(routes={"/v1/models": (302, {"Location": f"http://x.example.com/?key={KEY}"}, b"")}),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_repeats_the_key_brings_it_into_no_result_and_no_report(echo: str, tmp_path: pathlib.Path) -> None:
    with vllm(ECHOES[echo]) as (url, _it):
        for checks in (None, ["chat", "golden"], ["stream"], ["latency"]):
            params = options(url, checks=checks, endpoint_api_key=KEY, golden=[{"prompt": "Say OK.", "exact": "OK"}])
            found = _verification.verification(params, _options.plan(params), [], Deadline(20))
            _report_files.write("llama-3-8b", found, str(tmp_path / "report.json"), str(tmp_path / "junit.xml"))
            written = "".join(path.read_text() for path in tmp_path.iterdir())
            assert KEY not in json.dumps(found.result) + written
            assert KEY[:8] not in json.dumps(found.result) + written


def test_a_key_that_is_an_ordinary_word_changes_no_verdict() -> None:
    with vllm(Behaviour(key="pass")) as (url, _it):
        result = verified(url, endpoint_api_key="pass")
    assert (result["verdict"], set(verdicts(result).values())) == ("pass", {"pass"})
