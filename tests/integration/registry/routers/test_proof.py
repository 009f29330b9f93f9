"""The routed proof as users run it, and the event that it leaves."""

from __future__ import annotations

import json
import pathlib
import re
import time
import typing as t

import psycopg
import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry import _database, _routed

from tests import ansible
from tests.integration.registry.conftest import change
from tests.integration.registry.postgres import PASSWORD, Database
from tests.unit.routing._router import routed, served

ROOT = pathlib.Path(__file__).resolve().parents[4]


def record(registry: Database, event_id: int, ago: float = 0.0, user: str = "vllm_operator") -> _routed.Recorded:
    target = _database.database(registry.options(user), {})
    recorded: _routed.Recorded = _routed.record(target, event_id, "http://router:4000", time.monotonic() - ago, {"actor": "ada", "correlation_id": "job 7"})
    return recorded


def event_of(registry: Database, **more: t.Any) -> int:
    return int(change(registry, **more).events[-1]["event_id"])


def test_a_proof_is_an_event_of_its_own_with_the_seconds_since_the_change(registry: Database) -> None:
    change_event = event_of(registry)
    registry.query("UPDATE model_deployment_events SET occurred_at = occurred_at - interval '10 s'")
    recorded = record(registry, change_event, ago=4)
    assert recorded.new
    assert 5.5 < recorded.propagation_seconds < 60
    rows = registry.query(
        "SELECT action, proves_event_id, router, model_name, deployment_revision, actor, database_user, correlation_id, propagation_seconds::float8 "
        "FROM model_deployment_events WHERE event_id = %s",
        (recorded.event_id,),
    )
    said = ("routed", change_event, "http://router:4000", "llama-3-8b", "rev-a", "ada", "vllm_operator", "job 7")
    assert rows == [(*said, recorded.propagation_seconds)]


def test_recording_again_records_nothing_new(registry: Database) -> None:
    event_id = event_of(registry)
    first, second = record(registry, event_id), record(registry, event_id)
    assert (first.new, second.new) == (True, False)
    assert second[:2] == first[:2]


def test_a_proof_is_no_state_in_the_history(registry: Database) -> None:
    record(registry, event_of(registry))
    assert registry.query("SELECT action, valid_to FROM model_history") == [("registered", None)]


def test_a_proof_of_nothing_is_refused(registry: Database) -> None:
    with pytest.raises(Exception, match="there is no change with event 4711"):
        record(registry, 4711)


def test_who_may_not_change_entries_may_not_say_that_they_are_followed(registry: Database) -> None:
    event_id = event_of(registry)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="user vllm_reader may not change entries"):
        registry.query("SELECT * FROM model_registry_routed(%s, 0, 'r', '{}')", (event_id,), user="vllm_reader")
    assert registry.query("SELECT count(*) FROM model_deployment_events") == [(1,)]


WAIT: dict[str, t.Any] = {"model": "llama-3-8b", "revision": "b", "allowed_networks": ["127.0.0.0/8"], "wait_timeout": 30}


def play(registry: Database, folder: pathlib.Path, tasks: list[dict[str, t.Any]]) -> str:
    """Runs the tasks as the operator; everything that was printed at -vvv."""
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    given = ansible.environment(**registry.environ(), VLLM_ROUTER_API_KEY="sk-canary-router")
    # As JSON: of name=value Ansible takes what stands before a space, and the checkout may stand below a path with one.
    done = ansible.run("ansible-playbook", "-vvv", "-i", "localhost,", "-e", json.dumps(ansible.INTERPRETER), str(playbook), env=given)
    assert done.code == 0, done.text
    return done.text


def waits(*tasks: dict[str, t.Any], **last: t.Any) -> list[dict[str, t.Any]]:
    """Tasks of vllm_routed_wait with these options; ``last`` is said of the last task itself."""
    named = [
        {"inference.vllm.vllm_routed_wait": {**WAIT, **options}, "register": f"result_{number}", "ignore_errors": True} for number, options in enumerate(tasks)
    ]
    named[-1] |= last
    return named


def managed(folder: pathlib.Path, count: int) -> dict[str, t.Any]:
    """The task that writes the results down."""
    results = "{{ [" + ", ".join(f"result_{number}" for number in range(count)) + "] | to_json }}"
    return {"ansible.builtin.copy": {"content": results, "dest": str(folder / "results.json"), "mode": "0600"}}


def test_the_action_waits_records_once_warns_and_fails_as_it_should(registry: Database, tmp_path: pathlib.Path) -> None:
    event_id = event_of(registry, revision="b")
    with routed(served("a"), served("b")) as router, routed(served("a")) as stale:
        tasks = waits(
            {"url": router.url, "event_id": event_id},
            {"url": router.url, "event_id": event_id},
            {"url": router.url, "event_id": event_id, "login_password": "wrong"},
            {"url": stale.url, "event_id": event_id, "wait_timeout": 1},
            {"url": "http://router.invalid"},
            check_mode=True,
        )
        text = play(registry, tmp_path, [*tasks, managed(tmp_path, len(tasks))])
    results = json.loads((tmp_path / "results.json").read_text())
    first, again, unrecorded, late, checked = results
    assert (first["changed"], first["requests"], first["consecutive"]) == (True, 4, 3), text
    assert f"localhost: waiting for revision b to answer for llama-3-8b at {router.url}, 0 s: an answer from revision a" in text
    assert registry.query("SELECT propagation_seconds::float8 FROM model_deployment_events WHERE action = 'routed'") == [(first["propagation_seconds"],)]
    assert (again["changed"], again["routed_event_id"]) == (False, first["routed_event_id"])

    assert (unrecorded["changed"], unrecorded["failed"], unrecorded["consecutive"]) == (False, False, 3)
    assert "could not be recorded" in " ".join(text.split())

    assert late["failed"]
    assert (late["code"], late["consecutive"]) == ("not_routed", 0)
    assert (late["last"]["verdict"], late["last"]["code"], late["last"]["revision"]) == ("inconclusive", "wrong_revision", "a")
    assert checked["skipped"]

    assert router.requests[0]["headers"]["authorization"] == "Bearer sk-canary-router"
    assert "sk-canary-router" not in text
    assert PASSWORD not in text


def test_a_play_waits_for_the_router_after_registering_and_records_once(registry: Database, tmp_path: pathlib.Path) -> None:
    entry = {"model": "llama-3-8b", "environment": "staging", "revision": "b", "endpoint": "b:8000", "actor": "ada"}
    with routed(served("a"), served("b")) as router:
        proof = {"url": router.url, "model": "llama-3-8b", "revision": "b", "allowed_networks": ["127.0.0.0/8"], "wait_timeout": 60, "actor": "ada"}
        tasks = [
            {"inference.vllm.vllm_registry": entry, "register": "entry"},
            {"inference.vllm.vllm_routed_wait": {**proof, "event_id": "{{ entry.event_id | default(omit) }}"}},
        ]
        text = play(registry, tmp_path, [*tasks, *tasks])
        assert len(router.requests) == 7
    assert re.search(r"localhost\s+: ok=\d+\s+changed=2 ", text), text
    events = registry.query("SELECT action, deployment_revision, actor, router FROM model_deployment_events ORDER BY event_id")
    assert events == [("registered", "b", "ada", None), ("routed", "b", "ada", router.url)]
