"""The module as a play runs it, in the controller and on another machine."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from tests import ansible
from tests.unit.endpoint.servers import Behaviour, vllm

ROOT = pathlib.Path(__file__).resolve().parents[3]
KEY = "canary-key-e07d"
OPTIONS = {"model": "llama-3-8b", "allowed_networks": ["127.0.0.0/8"]}


def run(options: dict[str, t.Any], *words: str, **environ: str) -> tuple[dict[str, t.Any], str]:
    """The task's result, and all that was printed."""
    done = ansible.module("vllm_endpoint_verify", {**OPTIONS, **options}, *words, env=ansible.environment(**{"VLLM_API_KEY": KEY, **environ}))
    return ansible.result(done), done.text


def test_a_model_that_serves_passes_changes_nothing_and_tells_no_key_at_vvvv() -> None:
    with vllm(Behaviour(key=KEY)) as (url, _it):
        result, printed = run({"url": url}, "-vvvv")
    assert (result["verdict"], result["changed"]) == ("pass", False)
    assert KEY not in printed


def test_a_model_that_does_not_fails_the_task_with_the_sentence_and_the_whole_result() -> None:
    with vllm(Behaviour(key=KEY, fail_every=1)) as (url, _it):
        result, printed = run({"url": url}, "-vvvv")
    assert result["failed"]
    assert result["msg"] == result["message"]
    assert "chat" in [check["name"] for check in result["checks"]]
    assert KEY not in printed


@pytest.mark.parametrize(("fail_on", "failed"), [(["fail"], False), (["fail", "inconclusive"], True), ([], False)])
def test_fail_on_says_which_verdicts_fail_the_task(fail_on: list[str], failed: bool) -> None:
    with vllm(Behaviour(key=KEY)) as (url, _it):
        result, _printed = run({"url": url, "fail_on": fail_on, "gates": {"p95_e2e_seconds": 3}})
    assert result["verdict"] == "inconclusive"
    assert result["failed"] == failed


def test_options_that_cannot_be_right_fail_whatever_fail_on_says() -> None:
    result, _printed = run({"url": "http://user:pw@127.0.0.1", "fail_on": []})
    assert result["failed"]
    assert result["msg"].startswith("llama-3-8b: url must not carry a user name")


def test_reports_are_written_and_in_check_mode_they_are_not(tmp_path: pathlib.Path) -> None:
    files = {"report": str(tmp_path / "report.json"), "junit": str(tmp_path / "junit.xml")}
    with vllm(Behaviour(key=KEY)) as (url, _it):
        checked, _printed = run({"url": url, **files}, "--check")
        assert list(tmp_path.iterdir()) == []
        run({"url": url, **files})
    assert checked["verdict"] == "pass"
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "pass"
    assert KEY not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_sample_that_can_prove_a_p95_runs_concurrently_and_says_how_far_it_is() -> None:
    with vllm(Behaviour(key=KEY, ttft=0.24)) as (url, _it):
        result, printed = run({"url": url, "checks": ["latency"], "samples": 60, "concurrency": 4, "warmup": 0})
    assert "measuring 60 requests, 4 at a time" in printed
    assert "of 60 requests measured, 0 failed" in printed
    assert result["latency"]["duration"] < 60 * 0.24 * 0.9


def test_the_module_itself_does_the_same_on_another_machine() -> None:
    options = {**OPTIONS, "checks": ["health", "chat"]}
    program = "import runpy, sys, tests.conftest; runpy.run_module('ansible_collections.inference.vllm.plugins.modules.vllm_endpoint_verify', None, '__main__')"
    with vllm(Behaviour(key=KEY)) as (url, _it):
        command = [sys.executable, "-c", program]
        given = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "url": url}})
        environ = {**os.environ, "VLLM_API_KEY": KEY}
        done = subprocess.run(command, input=given, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    result = json.loads(done.stdout)
    assert (result["verdict"], result["changed"]) == ("pass", False), done.stderr
    assert KEY not in done.stdout
