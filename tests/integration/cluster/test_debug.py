"""What a run prints when everything is switched on that prints: none of the secrets that its tasks were given."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml

from lab._layout import ROOT
from tests.unit.cluster.server import Server, answer

Json = dict[str, t.Any]
CANARY = "canary-8b41f0"
# A connection that leads to this machine, and is not the one named local: the module is then a process of its own.
ELSEWHERE = '''
from ansible.plugins.connection.local import Connection as Local
DOCUMENTATION = """
name: elsewhere
short_description: this machine by another name
description: For tests.
author: tests
options: {}
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(Local):
    transport = "elsewhere"
'''
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("vllm_*.py"))


def secrets(module: str) -> Json:
    """Every option of a module that is not to be logged, with the canary in it."""
    # A module that has its work in the action plugin alone has no options of its own to import.
    spec = getattr(importlib.import_module(f"plugins.modules.{module}"), "SPEC", None)
    spec = spec or importlib.import_module(f"plugins.action.{module}").ActionModule.SPEC
    found: Json = {name: {"token": CANARY} if option["type"] in ("raw", "dict") else CANARY for name, option in spec.options.items() if option.get("no_log")}
    return found


@pytest.mark.parametrize("place", ["local", "elsewhere"])
def test_no_secret_of_an_option_is_printed(place: str, tmp_path: pathlib.Path) -> None:
    plugins = tmp_path / "connection_plugins"
    plugins.mkdir()
    (plugins / "elsewhere.py").write_text(ELSEWHERE)
    with Server([answer(200, {"kind": "List", "metadata": {}, "items": []})]) as server:
        whole: Json = {"host": server.url, "api_key": "{{ canary }}", "resources": {"nvidia.com/gpu": 1}, "timeout": 5}
        tasks: list[Json] = [{"inference.vllm.vllm_gpu_capacity": whole}, {"inference.vllm.vllm_gpu_capacity": {**whole, "timeout": "no number"}}]
        for module in MODULES:
            given = json.loads(json.dumps(secrets(module)).replace(CANARY, "{{ canary }}"))
            assert given, module
            tasks.append({f"inference.vllm.{module}": given})
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [{**task, "ignore_errors": True} for task in tasks]}
        play["vars"] = {"ansible_connection": place, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        play["vars_files"] = ["secrets.yml"]
        (tmp_path / "secrets.yml").write_text(yaml.safe_dump({"canary": CANARY}))
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        environ = {**os.environ, "ANSIBLE_DEBUG": "1", "ANSIBLE_CONNECTION_PLUGINS": str(plugins), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
        command = [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), "-vvvv", "-i", "localhost,", str(tmp_path / "play.yml")]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-3000:]
        assert [line[:300] for line in said.splitlines() if CANARY in line] == []
        assert any(headers["Authorization"] == f"Bearer {CANARY}" for headers in server.headers)
    # Those without work in the controller run as a module at both places.
    assert "its options are not shown" in said
