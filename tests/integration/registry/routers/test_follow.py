"""Following a real registry: told at once, by polling where nobody tells, and by the last good list where the database is gone."""

from __future__ import annotations

import pathlib

import pytest
from vllm_routes import Follower, Refusal, Table

from tests.integration.registry.conftest import change, verb
from tests.integration.registry.postgres import Database
from tests.integration.registry.proxy import Mode, Proxy

from .conftest import Follow, followed, until

MODEL = "llama-3-8b"


def urls(follower: Follower, *asked: str) -> list[str]:
    found = follower.table.find(*(asked or (MODEL,)))
    return [] if isinstance(found, Refusal) else [route.url for route in found]


def words(follower: Follower) -> str:
    found = follower.table.find(MODEL)
    return found.message if isinstance(found, Refusal) else ""


def test_each_change_is_told_at_once(registry: Database, follow: Follow) -> None:
    follower = follow(registry)
    assert follower.wait(30)
    assert words(follower) == "The model `llama-3-8b` does not exist in staging."
    change(registry, endpoint="10.0.0.1:8000")
    until(lambda: urls(follower) == ["http://10.0.0.1:8000"])
    change(registry, revision="rev-b", endpoint="10.0.0.2:8000")
    until(lambda: urls(follower) == ["http://10.0.0.2:8000"])
    verb(registry, "disabled", reason="see \"INC-1\" & 'Ümläut' {{ x }}")
    until(lambda: "(disabled: see \"INC-1\" & 'Ümläut' {{ x }})" in words(follower))
    verb(registry, "enabled")
    until(lambda: urls(follower) == ["http://10.0.0.2:8000"])
    verb(registry, "absent", revision="rev-b")
    until(lambda: "does not exist" in words(follower))


def test_a_burst_of_changes_ends_with_the_last(registry: Database, follow: Follow) -> None:
    follower = follow(registry)
    for turn in range(30):
        change(registry, endpoint=f"10.0.0.{turn}:8000")
    until(lambda: urls(follower) == ["http://10.0.0.29:8000"])


def test_shares_and_revisions_by_name_are_those_of_the_registry(registry: Database, follow: Follow) -> None:
    follower = follow(registry)
    change(registry, endpoint="10.0.0.1:8000", input_cost_per_token=0.25)
    change(registry, revision="rev-b", endpoint="10.0.0.2:8000", weight=10)
    until(lambda: len(urls(follower)) == 2)
    assert {route.revision: route.share for route in follower.table.models[MODEL]} == {"rev-a": 0.9, "rev-b": 0.1}
    assert {route.revision: route.input_cost_per_token for route in follower.table.models[MODEL]} == {"rev-a": 0.25, "rev-b": 0.0}
    assert urls(follower, MODEL, "rev-b") == ["http://10.0.0.2:8000"]


def test_only_the_followed_environment_and_organisation_are_seen(registry: Database, follow: Follow) -> None:
    change(registry, environment="production", endpoint="10.0.0.1:8000")
    change(registry, model="all", endpoint="10.0.0.2:8000")
    change(registry, model="own", organization="acme", endpoint="10.0.0.3:8000")
    change(registry, model="theirs", organization="other", endpoint="10.0.0.4:8000")
    mine, anybody = follow(registry, organization="acme"), follow(registry)
    assert mine.wait(30)
    assert anybody.wait(30)
    assert sorted(mine.table.models) == ["all", "own"]
    assert sorted(anybody.table.models) == ["all"]


def test_where_nobody_tells_polling_finds_out(own: Database, follow: Follow) -> None:
    """As behind a pooler that keeps notifications to itself: the trigger that sends them is off."""
    change(own)
    own.query("ALTER TABLE model_registry_entries DISABLE TRIGGER vllm_entries_record_update")
    follower = follow(own, poll=0.2)
    assert follower.wait(30)
    own.query("UPDATE model_registry_entries SET deployment_endpoint = '10.0.0.9:8000'")
    until(lambda: urls(follower) == ["http://10.0.0.9:8000"])


@pytest.mark.parametrize("fault", ["refuse", "blackhole", "reset"])
def test_without_the_database_the_last_list_holds_and_afterwards_the_new_one(registry: Database, follow: Follow, fault: Mode) -> None:
    change(registry, endpoint="10.0.0.1:8000")
    with Proxy(registry.cluster.port) as proxy:
        follower = follow(registry, port=proxy.port, poll=0.2, timeout=0.5)
        until(lambda: urls(follower) == ["http://10.0.0.1:8000"])
        proxy.mode = fault
        if fault != "blackhole":
            proxy.break_open()
        change(registry, endpoint="10.0.0.2:8000")
        until(lambda: follower.age > 1.5)
        assert urls(follower) == ["http://10.0.0.1:8000"]
        proxy.mode = "pass"
        proxy.break_open()
        until(lambda: urls(follower) == ["http://10.0.0.2:8000"])


def test_a_start_without_the_database_goes_by_the_list_that_was_kept(registry: Database, follow: Follow, tmp_path: pathlib.Path) -> None:
    state = tmp_path / "routes.json"
    change(registry, endpoint="10.0.0.1:8000")
    first = follow(registry, state=state)
    assert first.wait(30)
    first.stop()
    told: list[Table] = []
    second = follow(registry, told.append, port=1, state=state)
    until(lambda: bool(told))
    assert urls(second) == ["http://10.0.0.1:8000"]
    assert second.age == float("inf")


def test_a_list_that_was_kept_for_another_environment_is_not_used(registry: Database, follow: Follow, tmp_path: pathlib.Path) -> None:
    state = tmp_path / "routes.json"
    change(registry)
    first = follow(registry, state=state)
    assert first.wait(30)
    assert Follower(followed(registry, state=state, environment="production")).table.routes == ()


def test_a_schema_that_is_missing_for_a_moment_takes_no_route_away(registry: Database, follow: Follow) -> None:
    change(registry, endpoint="10.0.0.1:8000")
    follower = follow(registry, poll=0.2)
    until(lambda: urls(follower) == ["http://10.0.0.1:8000"])
    registry.query("ALTER VIEW model_routes RENAME TO model_routes_away")
    until(lambda: follower.age > 1)
    assert urls(follower) == ["http://10.0.0.1:8000"]
    registry.query("ALTER VIEW model_routes_away RENAME TO model_routes")
    change(registry, endpoint="10.0.0.2:8000")
    until(lambda: urls(follower) == ["http://10.0.0.2:8000"])


def test_whoever_fails_to_take_a_list_over_is_given_the_next_one(registry: Database, follow: Follow) -> None:
    told: list[Table] = []

    def fail_first(table: Table) -> None:
        told.append(table)
        if len(told) == 1:
            raise ValueError("not now")

    follower = follow(registry, fail_first)
    assert follower.wait(30)
    change(registry)
    until(lambda: len(told) == 2)
    assert told[-1] == follower.table
