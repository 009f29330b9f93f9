"""Reports: what CI systems and people read of a verification."""

from __future__ import annotations

import json
import pathlib
import typing as t
from xml.parsers import expat

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options
from ansible_collections.inference.vllm.plugins.module_utils.gates import _gate
from ansible_collections.inference.vllm.plugins.module_utils.verification import _report_files, _verification
from ansible_collections.inference.vllm.plugins.module_utils.verification._verification import Verified

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import DEFAULTS

KEY = "canary-key-77ab"


def verified(url: str, **options: t.Any) -> Verified:
    params = {**DEFAULTS, "url": url, "model": "llama-3-8b", "allowed_networks": ["127.0.0.0/8"], "endpoint_api_key": KEY, **options}
    return _verification.verification(params, _options.plan(params), _gate.parse(params["gates"]), Deadline(20))


def elements(text: str) -> list[tuple[str, dict[str, str]]]:
    """The elements of a document in order; raises when it is not well formed."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    parser.Parse(text, True)
    return found


def test_the_report_has_the_result_every_request_and_no_key(tmp_path: pathlib.Path) -> None:
    with vllm(Behaviour(key=KEY, fail_every=4)) as (url, _it):
        found = verified(url, checks=["latency"], samples=12, warmup=0, gates={"error_rate": 0.5, "p95_e2e_seconds": 3})
    report, junit = tmp_path / "new" / "report.json", tmp_path / "junit.xml"
    _report_files.write("llama-3-8b", found, str(report), str(junit))
    written = json.loads(report.read_text())
    assert written["verdict"] == found.result["verdict"]
    assert len(written["requests"]) == 12
    assert sum("error" in request for request in written["requests"]) == 3
    assert KEY not in report.read_text() + junit.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "new"]


def test_junit_counts_inconclusive_as_an_error() -> None:
    entries = [{"name": name, "verdict": name, "message": "\x00<&>\x1b", "duration": 0.1} for name in ("pass", "fail", "inconclusive", "skipped")]
    (_suite, root), *cases = elements(_report_files.suite("m\x00<", {"checks": entries, "gates": [{**entries[1], "name": "p95"}], "duration": 1.5}))
    assert {name: root[name] for name in ("tests", "failures", "errors", "skipped")} == {"tests": "5", "failures": "2", "errors": "1", "skipped": "1"}
    assert [name for name, _attributes in cases if name != "testcase"] == ["system-out", "failure", "error", "skipped", "failure"]


def test_a_report_that_cannot_be_written_is_said_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with vllm(Behaviour(key=KEY)) as (url, _it):
        found = verified(url, checks=["health"])
    with pytest.raises(Error, match="cannot be written"):
        _report_files.write("llama-3-8b", found, str(tmp_path / "file" / "report.json"), None)
