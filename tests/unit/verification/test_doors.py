"""The module and the action plugin hold the same constraints, and give the same answer to what breaks them."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
NAME = "inference.vllm.vllm_endpoint_verify"
RIGHT = {"model": "llama-3-8b", "url": "http://models.example.com"}
PROGRAM = "import runpy, sys, tests.conftest; runpy.run_module('ansible_collections.inference.vllm.plugins.modules.vllm_endpoint_verify', None, '__main__')"


def by_module(options: dict[str, t.Any]) -> dict[str, t.Any]:
    given = json.dumps({"ANSIBLE_MODULE_ARGS": options})
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=given, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    found: dict[str, t.Any] = json.loads(done.stdout)
    return found


def by_action(options: dict[str, t.Any]) -> dict[str, t.Any]:
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-c", "local", "-m", NAME, "-a", json.dumps(options)]
    environ = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert "=> " in done.stdout, done.stdout + done.stderr
    found: dict[str, t.Any] = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("=> ") + 3 :].lstrip())[0]
    return found


#: What is missing or wrong, and the word that the sentence names; the code is that of all input that is refused.
REFUSED: dict[str, tuple[dict[str, t.Any], str]] = {
    "no url": ({"model": "llama-3-8b"}, "url"),
    "no namespace": ({**RIGHT, "via": "port_forward", "deployment": "model"}, "namespace"),
    "no object": ({**RIGHT, "via": "port_forward", "namespace": "staging"}, "deployment"),
    "no service": ({**RIGHT, "via": "service_proxy", "namespace": "staging", "pod": "x"}, "service"),
    "nothing for auto": ({"model": "llama-3-8b", "via": "auto"}, "via: auto"),
    "no such gate": ({**RIGHT, "gates": {"p95": 3}}, "gates"),
    "no sample": ({**RIGHT, "samples": -1}, "samples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_both_front_doors_refuse_the_same_in_the_same_words(case: str) -> None:
    options, word = REFUSED[case]
    module, action = by_module(options), by_action(options)
    assert module["failed"]
    assert (module["code"], module["msg"]) == (action["code"], action["msg"])
    assert module["code"] == "invalid_input"
    assert word in module["msg"]


@pytest.mark.parametrize("options", [{"model": "a", "way": "direct"}, {"model": "a", "via": "carrier_pigeon"}, {"url": "http://models.example.com"}])
def test_both_front_doors_know_the_same_options(options: dict[str, t.Any]) -> None:
    assert by_module(options)["failed"]
    assert "verdict" not in by_action(options)


def test_both_front_doors_are_one_spec_and_one_run() -> None:
    importlib.import_module("tests.conftest")
    rooms = "ansible_collections.inference.vllm.plugins"
    module, action = (importlib.import_module(f"{rooms}.{kind}.vllm_endpoint_verify") for kind in ("modules", "action"))
    assert action.ActionModule.SPEC is module.SPEC
    assert action.ActionModule.RUN is module.run
