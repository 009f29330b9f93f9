"""Health checks and the table, against a real database and servers that answer as vLLM does."""

from __future__ import annotations

import datetime
import os
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry import _database, _health, _probe, _query, _status_table

from tests.integration.registry.conftest import change, ran, verb
from tests.integration.registry.postgres import Database
from tests.unit.endpoint.servers import Behaviour, vllm

LOCAL = ["127.0.0.0/8"]


def options(**more: t.Any) -> dict[str, t.Any]:
    spec = {**_probe.probe_options(), **_health.health_options()}
    known = {name: option.get("default") for name, option in spec.items()}
    return {**known, "environment": "staging", "allowed_networks": LOCAL, "pause": 0.01, "request_timeout": 10.0, **more}


def checked(registry: Database, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    params = options(**more)
    target = _database.database(registry.options(), {})
    answer: dict[str, t.Any] = _health.result(_health.check(target, params, check_mode=check_mode), params["fail_on"])
    return answer


def health(registry: Database) -> list[tuple[t.Any, ...]]:
    statement = (
        "SELECT deployment_revision, deployment_status, deployment_health_failures, last_health_check_at IS NOT NULL FROM model_registry_entries ORDER BY 1"
    )
    return registry.query(statement)


def test_a_model_that_stops_answering_is_degraded_at_the_third_check_and_comes_back(registry: Database) -> None:
    with vllm(Behaviour()) as (url, behaviour):
        change(registry, endpoint=url)
        assert not checked(registry)["changed"]
        assert health(registry) == [("rev-a", "ready", 0, True)]
        behaviour.generation = lambda _body: (500, {"error": {"message": "dead", "type": "InternalServerError", "code": 500}})
        for failures in (1, 2):
            assert not checked(registry)["changed"]
            assert health(registry) == [("rev-a", "ready", failures, True)]
        third = checked(registry, actor="scheduler")
        assert third["changed"]
        assert health(registry) == [("rev-a", "degraded", 3, True)]
        assert registry.query("SELECT routable, status FROM model_routes") == [(True, "degraded")]
        assert not checked(registry)["changed"]
        behaviour.generation = None
        assert checked(registry)["changed"]
        assert health(registry) == [("rev-a", "ready", 0, True)]
    events = registry.query("SELECT action, deployment_status, reason, actor FROM model_deployment_events ORDER BY event_id DESC LIMIT 2")
    assert [event[1] for event in events] == ["ready", "degraded"]
    assert "health check: failed 3 times in a row" in events[1][2]
    assert events[1][3] == "scheduler"


def test_what_a_person_degraded_stays_so_whatever_its_reason_says(registry: Database) -> None:
    with vllm(Behaviour()) as (url, _behaviour):
        change(registry, endpoint=url)
        change(registry, endpoint=url, status="degraded", reason="health check: it is slow, says ada")
        assert not checked(registry)["changed"]
    assert health(registry) == [("rev-a", "degraded", 0, True)]


def test_an_entry_is_probed_as_what_it_does_and_an_unknown_one_as_chat(registry: Database) -> None:
    asked: list[str] = []
    probe = _probe.verify
    with vllm(Behaviour()) as (url, _behaviour), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_probe, "verify", lambda ways, plan, deadline: (asked.append(plan.ask.kind), probe(ways, plan, deadline))[1])
        for kind in ("embedding", "completion", None):
            change(registry, endpoint=url, kind=kind, model=f"m-{kind}")
        checked(registry, kinds={"m-embedding": "chat"})
    assert sorted(asked) == ["chat", "completion", "embedding"]


def test_what_is_wrong_has_a_code(registry: Database) -> None:
    change(registry, model="m-a", endpoint="127.0.0.1:1")
    change(registry, model="m-b", endpoint="nowhere.invalid:8000")
    assert [one["code"] for one in checked(registry)["entries"]] == ["endpoint_failed", "not_probed"]


def test_only_beside_one_that_answers_a_dead_revision_leaves_the_routing(registry: Database) -> None:
    with vllm(Behaviour()) as (url, behaviour):
        change(registry, revision="rev-a", endpoint=url)
        change(registry, revision="rev-b", endpoint="127.0.0.1:1", weight=10)
        found = checked(registry, attempts=5, fail_after=5)
        assert {one["revision"]: one["status"] for one in found["entries"]} == {"rev-a": "ready", "rev-b": "failed"}
        assert registry.query("SELECT revision, share::float FROM model_routes WHERE routable") == [("rev-a", 1.0)]
        behaviour.model = "another"
        last = checked(registry, attempts=5, fail_after=5)
    assert [one["status"] for one in last["entries"]] == ["degraded"]
    assert "no other revision of it answers" in last["notes"][0]
    assert checked(registry, attempts=1, fail_after=5, force=True)["entries"][0]["status"] == "failed"
    assert registry.query("SELECT count(*) FROM model_routes WHERE routable") == [(0,)]


@pytest.mark.parametrize("endpoint", ["nowhere.invalid:8000", "169.254.169.254:80"])
def test_what_cannot_be_found_out_from_here_is_inconclusive_and_leaves_no_trace(registry: Database, endpoint: str) -> None:
    change(registry, endpoint=endpoint)
    found = checked(registry, attempts=5, degrade_after=1)
    assert (found["counts"]["inconclusive"], found["failed"]) == (1, True)
    assert health(registry) == [("rev-a", "ready", 0, False)]


def test_a_refused_key_says_nothing_about_the_model(registry: Database) -> None:
    with vllm(Behaviour(key="right")) as (url, _behaviour):
        change(registry, endpoint=url)
        assert checked(registry, endpoint_api_key="wrong", degrade_after=1)["counts"]["inconclusive"] == 1
        assert checked(registry, endpoint_api_key="right", degrade_after=1)["counts"]["pass"] == 1


def test_check_mode_probes_and_writes_nothing(registry: Database) -> None:
    change(registry, endpoint="127.0.0.1:1")
    found = checked(registry, check_mode=True, degrade_after=1)
    assert (found["changed"], found["entries"][0]["status"]) == (True, "degraded")
    assert health(registry) == [("rev-a", "ready", 0, False)]


def test_what_routers_do_not_send_to_and_other_environments_are_not_probed(registry: Database) -> None:
    change(registry, endpoint="127.0.0.1:1")
    verb(registry, "disabled")
    change(registry, environment="production", endpoint="127.0.0.1:1")
    assert checked(registry)["entries"] == []


@pytest.mark.parametrize("more", [{"degrade_after": 0}, {"attempts": 0}, {"fail_after": 3}])
def test_counts_that_contradict_are_refused(registry: Database, more: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be"):
        checked(registry, **more)


def test_a_revision_that_came_meanwhile_is_not_given_the_old_ones_failures(registry: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    change(registry, endpoint="127.0.0.1:1")
    probe = _probe.probe_all

    def meanwhile(*arguments: t.Any) -> t.Any:
        found = probe(*arguments)
        change(registry, endpoint="127.0.0.1:2", display_name="new")
        return found

    monkeypatch.setattr(_probe, "probe_all", meanwhile)
    found = checked(registry, degrade_after=1)
    assert "is at version 2, not 1" in found["msg"]
    assert found["failed"]
    assert health(registry) == [("rev-a", "ready", 0, False)]


def read(registry: Database, **more: t.Any) -> list[dict[str, t.Any]]:
    known = {name: option.get("default") for name, option in _query.query_options().items()}
    rows: list[dict[str, t.Any]] = _query.read(_database.database(registry.options("vllm_reader"), {}), {**known, **more})
    return rows


def test_routes_events_and_history_are_read_by_filters_sorted_and_by_pages(registry: Database) -> None:
    change(registry, revision="rev-a", actor="ada")
    change(registry, revision="rev-b", weight=10, actor="bob")
    between = registry.query("SELECT clock_timestamp()")[0][0].isoformat()
    verb(registry, "disabled", reason="incident", actor="cyd")
    assert [(route["revision"], route["refusal"]) for route in read(registry, what="routes")] == [
        ("rev-a", "disabled: incident"),
        ("rev-b", "disabled: incident"),
    ]
    events = read(registry, what="events")
    assert [(event["action"], event["deployment_revision"], event["actor"]) for event in events[:2]] == [
        ("disabled", "rev-b", "cyd"),
        ("disabled", "rev-a", "cyd"),
    ]
    assert read(registry, what="events", limit=2) + read(registry, what="events", limit=100, offset=2) == events
    assert [event["actor"] for event in read(registry, what="events", until=between, revision=["rev-b"])] == ["bob"]
    assert {event["actor"] for event in read(registry, what="events", since=between)} == {"cyd"}
    assert {event["actor"] for event in read(registry, what="events", action=["disabled"])} == {"cyd"}
    assert [state["revision"] for state in read(registry, what="history", action=["registered"])] == ["rev-b", "rev-a"]
    live = read(registry, what="history", at=between)
    assert [(state["revision"], state["weight"], state["routable"]) for state in live] == [("rev-a", 90, True), ("rev-b", 10, True)]
    assert len(read(registry, what="history", revision=["rev-a"])) == 3
    assert read(registry, what="history", at="2020-01-01T00:00:00+00:00") == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"what": "events", "at": "2026-11-21T14:00:00+00:00"}, "at belongs to what: history"),
        ({"what": "routes", "since": "2026-11-21T14:00:00+00:00"}, "since and until belong to"),
        ({"what": "history", "at": "2026-11-21T14:00:00"}, "with its offset from UTC"),
        ({"what": "history", "at": "now(); DROP TABLE x"}, "at 'now.*' is refused"),
        ({"what": "entries", "action": ["disabled"]}, "action belongs to"),
        ({"limit": 0}, "limit 0 and offset 0 are refused"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(registry: Database, more: dict[str, t.Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(registry, **more)


def test_the_status_playbook_prints_model_by_environment_as_reader(registry: Database) -> None:
    change(registry, environment="production", revision="rev-p", actor="ada")
    change(registry, revision="rev-a", actor="ada")
    change(registry, revision="rev-b", actor="bob")
    verb(registry, "disabled", reason="incident", actor="cyd")
    done = ran(registry, "vllm_reader", "ansible-playbook", "playbooks/status.yml", ANSIBLE_LOCALHOST_WARNING="false")
    assert done.code == 0, done.text
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("MODEL", "llama"))]
    assert lines[0] == " ".join(_status_table.COLUMNS).split()
    assert lines[1][:6] == ["llama-3-8b", "staging", "rev-b", "disabled", "(incident)", "100"]
    assert lines[2][:6] == ["llama-3-8b", "production", "rev-p", "ready", "100", "%"]
    assert len(lines) == 3
    assert "disabled by cyd" in done.stdout
    assert "changed=0" in done.stdout


def test_the_table_shows_organisations_failures_and_superseded_revisions(registry: Database) -> None:
    change(registry, revision="rev-a", organization="north")
    change(registry, revision="rev-b", organization="north", endpoint="127.0.0.1:1")
    checked(registry)
    reader = _database.database(registry.options("vllm_reader"), {})
    rows = _status_table.read(reader, {"environment": None, "model": [], "organization": ["north"], "superseded": True})
    lines = _status_table.table(rows).splitlines()
    assert lines[0].split()[0] == "ORGANIZATION"
    assert ["rev-b" in lines[1], "failed 1x" in lines[1], "superseded" in lines[2]] == [True, True, True]
    assert _status_table.table([]) == "the registry has no such entry"


@pytest.mark.parametrize(("seconds", "text"), [(None, "?"), (-5, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3660, "1h1m"), (90_000, "1d1h")])
def test_ages_are_told_in_their_largest_units(seconds: float | None, text: str) -> None:
    assert _status_table.age(seconds) == text


def test_the_health_playbook_checks_the_environment_of_the_inventory(registry: Database) -> None:
    with vllm(Behaviour()) as (url, _behaviour):
        change(registry, environment="development", endpoint=url)
        words = ("playbooks/health.yml", "-i", "inventories/development", "-e", '{"health_allowed_networks": ["127.0.0.0/8"]}')
        done = ran(registry, "vllm_operator", "ansible-playbook", *words, NO_PROXY="*", HOME=os.environ["HOME"])
    assert done.code == 0, done.text
    assert "llama-3-8b rev-a (ready): pass" in done.stdout
    (moment,) = registry.query("SELECT last_health_check_at FROM model_registry_entries")[0]
    assert isinstance(moment, datetime.datetime)
