"""The lookup through a real ansible-playbook: the default is for what is absent, and never for what is broken."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml

Json = dict[str, t.Any]
ROOT = pathlib.Path(__file__).resolve().parents[3]
PLAYBOOK = pathlib.Path(sys.executable).parent / "ansible-playbook"
DEFAULT = {"the": "default"}

#: Host to its variable; each host asks for vllm_thing with a default.
CASES: dict[str, Json] = {
    "absent": {},
    "given": {"vllm_thing": {"a": 1}},
    "falsy": {"vllm_thing": False},
    "zero": {"vllm_thing": 0},
    "nothing_in_text": {"vllm_thing": ""},
    "nothing_in_map": {"vllm_thing": {}},
    "nothing_in_list": {"vllm_thing": []},
    "templated": {"vllm_thing": {"list": ["{{ other }}", {"deep": "{{ other }}-x"}]}, "other": "o"},
    "number_stays_number": {"vllm_thing": "{{ other }}", "other": 3},
    "text_stays_text": {"vllm_thing": "12e456789012"},
    "guarded": {"vllm_thing": "{{ missing | default('fallback') }}"},
    "empty_key": {"vllm_thing": None},
    "empty_by_template": {"vllm_thing": "{{ other }}", "other": None},
    "undefined_text": {"vllm_thing": "{{ missing }}"},
    "undefined_in_text": {"vllm_thing": "a {{ missing }} b"},
    "undefined_in_map": {"vllm_thing": {"a": {"b": "{{ missing }}"}}},
    "undefined_in_list": {"vllm_thing": ["a", "{{ missing }}"]},
    "undefined_in_list_of_maps": {"vllm_thing": [{"a": [{"b": "{{ missing }}"}]}]},
    "undefined_attribute": {"vllm_thing": {"a": "{{ other.missing }}"}, "other": {}},
    "undefined_two_steps_away": {"vllm_thing": "{{ other }}", "other": {"x": "{{ missing }}"}},
}
VALUES: dict[str, t.Any] = {
    "absent": DEFAULT,
    "given": {"a": 1},
    "falsy": False,
    "zero": 0,
    "nothing_in_text": "",
    "nothing_in_map": {},
    "nothing_in_list": [],
    "templated": {"list": ["o", {"deep": "o-x"}]},
    "number_stays_number": 3,
    "text_stays_text": "12e456789012",
    "guarded": "fallback",
}
REFUSED = sorted(set(CASES) - set(VALUES))


def play(folder: pathlib.Path, tasks: list[Json], hosts: dict[str, Json], **environ: str) -> tuple[Json, str]:
    """The document of the JSON callback, and standard error."""
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": {"ansible_connection": "local"}, "hosts": hosts}}))
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    (folder / "ansible.cfg").write_text("[defaults]\n")
    given = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        **environ,
    }
    command = [str(PLAYBOOK), "-i", "hosts.yml", "play.yml"]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.startswith("{"), done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Each host's result: one play for all cases."""
    show: Json = {"name": "Show", "ansible.builtin.debug": {"msg": {"value": "{{ lookup('inference.vllm.setting', 'thing', default=fallback) }}"}}}
    needed: Json = {
        "name": "Need",
        "ansible.builtin.debug": {"msg": "{{ lookup('inference.vllm.setting', 'thing') }}"},
        "when": "inventory_hostname == 'absent'",
    }
    hosts = {host: {**variables, "fallback": DEFAULT} for host, variables in CASES.items()}
    document, _errors = play(tmp_path_factory.mktemp("play"), [show, needed], hosts)
    tasks = document["plays"][0]["tasks"]
    return {"show": tasks[0]["hosts"], "need": tasks[1]["hosts"]}


@pytest.mark.parametrize("host", sorted(VALUES))
def test_what_the_inventory_says_is_the_setting_and_the_default_only_where_it_says_nothing(results: Json, host: str) -> None:
    assert results["show"][host]["msg"] == {"value": VALUES[host]}


@pytest.mark.parametrize("host", REFUSED)
def test_what_is_broken_is_an_error_with_the_name_of_the_setting_and_never_the_default(results: Json, host: str) -> None:
    result = results["show"][host]
    assert result["failed"]
    assert "vllm_thing" in result["msg"]
    assert "fallback" not in result["msg"].replace("default=fallback", "")


def test_a_setting_without_a_default_that_is_not_there_is_an_error_with_its_name(results: Json) -> None:
    assert results["need"]["absent"]["failed"]
    assert "vllm_thing" in results["need"]["absent"]["msg"]


def test_progress_goes_to_standard_error_where_standard_output_is_one_document(tmp_path: pathlib.Path) -> None:
    """A task of ours that prints: the action's own way to say something, called by an action of the test."""
    actions = tmp_path / "action_plugins"
    actions.mkdir()
    (actions / "speak.py").write_text(
        "from ansible_collections.inference.vllm.plugins.module_utils._spec import Spec\n"
        "from ansible_collections.inference.vllm.plugins.plugin_utils._controller import ControllerAction\n"
        "def run(params, context):\n"
        "    context.say('half of it is done')\n"
        "    return {'changed': False, 'host': context.host}\n"
        "class ActionModule(ControllerAction):\n"
        "    SPEC = Spec({})\n"
        "    RUN = staticmethod(run)\n"
        "    ALWAYS_HERE = True\n"
    )
    environ = {"ANSIBLE_ACTION_PLUGINS": str(actions), "ANSIBLE_LIBRARY": str(tmp_path)}
    (tmp_path / "speak.py").write_text("#!/usr/bin/python\n")
    document, errors = play(tmp_path, [{"name": "Speak", "speak": {}}], {"one": {}}, **environ)
    assert document["plays"][0]["tasks"][0]["hosts"]["one"]["host"] == "one"
    assert "one: half of it is done" in errors
