"""What vllm_registry does to the rows, the events and the write-ahead log of a real server."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
import typing as t

import psycopg
import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error, InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry import _change, _database, _driver, _query
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import RegistryError

from tests.integration.registry.conftest import change, entry, verb
from tests.integration.registry.postgres import Database

BUNDLE = "sha256:" + "a" * 64


def row_state(database: Database) -> tuple[t.Any, ...]:
    """Row versions, the log's position and the number of events: a run that changes nothing moves none of them."""
    rows = database.query("SELECT deployment_id, xmin::text, ctid::text, e::text FROM model_registry_entries e ORDER BY 1")
    events = database.query("SELECT count(*) FROM model_deployment_events")
    return rows, events


def statuses(database: Database) -> dict[str, tuple[str, int]]:
    return {
        revision: (status, weight)
        for revision, status, weight in database.query("SELECT deployment_revision, deployment_status, deployment_weight FROM model_registry_entries")
    }


def test_a_registration_makes_one_row_and_one_event(registry: Database) -> None:
    outcome = change(registry, bundle=BUNDLE, bundle_content={"image": "x"}, verification={"verdict": "pass"}, actor="ada", git_commit="0123abc")
    answer = _change.result(outcome)
    assert answer["changed"]
    assert answer["version"] == 1
    assert answer["routable"]
    assert answer["entry"]["deployment_bundle_content"] == {"image": "x"}
    events = registry.query("SELECT event_id, action, actor, database_user, verification, git_commit, deployment_bundle FROM model_deployment_events")
    assert events == [(answer["event_id"], "registered", "ada", "vllm_operator", {"verdict": "pass"}, "0123abc", BUNDLE)]


def test_a_second_run_leaves_no_trace(registry: Database) -> None:
    change(registry, bundle=BUNDLE, input_cost_per_token=0.0000015, release_revision=1, verification={"verdict": "pass", "p95": 1.0})
    registry.query("CHECKPOINT")
    before, log = row_state(registry), registry.query("SELECT pg_current_wal_insert_lsn()")
    outcome = change(
        registry, bundle=BUNDLE, input_cost_per_token=0.0000015, release_revision=2, verification={"verdict": "pass", "p95": 2.0}, actor="someone else"
    )
    assert not outcome.changed
    assert registry.query("SELECT pg_current_wal_insert_lsn()") == log
    assert row_state(registry) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("endpoint", "http://elsewhere:9000"),
        ("namespace", "other"),
        ("bundle", "sha256:" + "b" * 64),
        ("display_name", "Llama"),
        ("input_cost_per_token", 0.25),
        ("output_cost_per_token", 0.5),
        ("release", "llama"),
        ("kind", "embedding"),
        ("status", "failed"),
    ],
)
def test_every_essential_option_counts_as_a_change(registry: Database, option: str, value: t.Any) -> None:
    change(registry)
    outcome = change(registry, **{option: value})
    assert outcome.changed
    assert _change.result(outcome)["version"] == 2
    assert not change(registry, **{option: value}).changed


def test_a_new_revision_supersedes_the_one_before_in_one_transaction(registry: Database) -> None:
    change(registry, revision="rev-a", bundle=BUNDLE)
    outcome = change(registry, revision="rev-b")
    assert statuses(registry) == {"rev-a": ("superseded", 100), "rev-b": ("ready", 100)}
    events = registry.query(
        "SELECT action, deployment_revision, previous_revision, previous_bundle, change_id::text FROM model_deployment_events ORDER BY event_id"
    )
    assert [event[:4] for event in events[1:]] == [("superseded", "rev-a", "rev-a", BUNDLE), ("registered", "rev-b", "rev-a", BUNDLE)]
    assert events[1][4] == events[2][4] == _change.result(outcome)["change_id"]


def test_weight_of_a_new_revision_is_taken_from_the_one_before(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", weight=10)
    assert statuses(registry) == {"rev-a": ("ready", 90), "rev-b": ("ready", 10)}
    change(registry, revision="rev-b", weight=50)
    assert statuses(registry) == {"rev-a": ("ready", 50), "rev-b": ("ready", 50)}
    assert not change(registry, revision="rev-a").changed
    shares = registry.query("SELECT revision, share::float, is_default FROM model_routes ORDER BY revision")
    assert shares == [("rev-a", 0.5, False), ("rev-b", 0.5, True)] or shares == [("rev-a", 0.5, True), ("rev-b", 0.5, False)]
    change(registry, revision="rev-b", weight=100)
    assert statuses(registry) == {"rev-a": ("superseded", 50), "rev-b": ("ready", 100)}


def test_weight_0_keeps_a_revision_warm_without_traffic(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", weight=0)
    assert registry.query("SELECT revision, share::float, routable FROM model_routes ORDER BY revision") == [("rev-a", 1.0, True), ("rev-b", 0.0, True)]
    change(registry, revision="rev-a", weight=0)
    assert statuses(registry) == {"rev-a": ("ready", 0), "rev-b": ("ready", 100)}


def test_disabling_takes_the_model_out_until_it_is_enabled(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", weight=10)
    verb(registry, "disabled", reason="answers are wrong")
    assert registry.query("SELECT DISTINCT routable, http_status, refusal FROM model_routes") == [(False, 503, "disabled: answers are wrong")]
    assert not verb(registry, "disabled").changed
    verb(registry, "enabled")
    assert statuses(registry) == {"rev-a": ("ready", 90), "rev-b": ("ready", 10)}
    assert not verb(registry, "enabled", revision="rev-b").changed


def test_a_registration_in_a_disabled_model_stays_disabled(registry: Database) -> None:
    change(registry, revision="rev-a")
    verb(registry, "disabled", reason="incident")
    again = change(registry, revision="rev-a")
    assert not again.changed
    assert again.plan.notes == ("llama-3-8b in staging stays disabled (incident); state enabled ends that",)
    change(registry, revision="rev-b")
    assert statuses(registry) == {"rev-a": ("superseded", 100), "rev-b": ("disabled", 100)}
    verb(registry, "enabled")
    assert statuses(registry)["rev-b"] == ("ready", 100)


def test_disabling_one_of_two_leaves_the_traffic_to_the_other(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", weight=10)
    verb(registry, "disabled", revision="rev-a")
    assert registry.query("SELECT revision, share::float FROM model_routes WHERE routable") == [("rev-b", 1.0)]
    verb(registry, "enabled")
    assert statuses(registry) == {"rev-a": ("ready", 90), "rev-b": ("ready", 10)}


def test_a_superseded_revision_comes_back_alone(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b")
    verb(registry, "enabled", revision="rev-a")
    assert statuses(registry) == {"rev-a": ("ready", 100), "rev-b": ("superseded", 100)}


def test_absent_removes_the_row_and_keeps_its_history(registry: Database) -> None:
    change(registry)
    assert verb(registry, "absent").changed
    assert not verb(registry, "absent").changed
    assert registry.query("SELECT action, entry_after FROM model_deployment_events ORDER BY event_id DESC LIMIT 1") == [("removed", None)]


def test_an_illegal_change_is_refused_with_the_legal_ones(registry: Database) -> None:
    change(registry, status="pending")
    with pytest.raises(InputError, match="rev-a of llama-3-8b in staging cannot change from pending to degraded; from there it may become deploying, ready"):
        change(registry, status="degraded")


def test_an_expected_version_that_passed_is_refused(registry: Database) -> None:
    change(registry, expected_version=0)
    change(registry, display_name="x", expected_version=1)
    with pytest.raises(RegistryError, match="is at version 2, not 1: somebody changed it since"):
        change(registry, display_name="y", expected_version=1)


def test_check_mode_foretells_and_writes_nothing(registry: Database) -> None:
    change(registry)
    before, log = row_state(registry), registry.query("SELECT pg_current_wal_insert_lsn()")
    answer = _change.result(change(registry, check_mode=True, revision="rev-b"))
    assert row_state(registry) == before
    assert registry.query("SELECT pg_current_wal_insert_lsn()") == log
    assert answer["changed"]
    assert answer["superseded"] == ["rev-a"]
    assert answer["diff"]["before"]["rev-a"]["deployment_status"] == "ready"
    assert answer["diff"]["after"]["rev-a"]["deployment_status"] == "superseded"
    assert answer["diff"]["after"]["rev-b"]["deployment_endpoint"] == entry()["endpoint"]
    assert not change(registry, check_mode=True).changed


def test_check_mode_foretells_a_refusal(registry: Database) -> None:
    with pytest.raises(RegistryError, match="user vllm_reader may not do this"):
        change(registry, check_mode=True, connection={"login_user": "vllm_reader"})


def test_organisations_are_worlds_apart(registry: Database) -> None:
    change(registry, organization="north", revision="rev-n")
    change(registry, organization="south", revision="rev-s")
    change(registry, revision="rev-0")
    assert registry.query("SELECT organization_id, revision FROM model_routes WHERE is_default ORDER BY 1") == [
        ("north", "rev-n"),
        ("south", "rev-s"),
        (None, "rev-0"),
    ]


def test_routers_are_told_in_the_same_transaction(registry: Database) -> None:
    with registry.connect("vllm_reader") as connection:
        connection.execute("LISTEN model_registry")
        change(registry, revision="rev-a")
        change(registry, revision="rev-a")
        change(registry, revision="rev-b")
        told = [json.loads(notice.payload) for notice in connection.notifies(timeout=2, stop_after=3)]
    assert [(message["deployment_revision"], message["deployment_status"]) for message in told] == [
        ("rev-a", "ready"),
        ("rev-a", "superseded"),
        ("rev-b", "ready"),
    ]


def test_a_change_by_hand_leaves_an_event_and_grows_the_version(registry: Database) -> None:
    change(registry)
    registry.query("UPDATE model_registry_entries SET deployment_endpoint = 'by-hand:1', deployment_version = 77", user="vllm_operator")
    assert registry.query("SELECT deployment_version FROM model_registry_entries") == [(2,)]
    assert registry.query("SELECT action, actor, database_user FROM model_deployment_events ORDER BY event_id") == [
        ("registered", None, "vllm_operator"),
        ("updated", None, "vllm_operator"),
    ]


def test_a_health_check_is_not_a_change(registry: Database) -> None:
    change(registry)
    registry.query("UPDATE model_registry_entries SET last_health_check_at = now()", user="vllm_operator")
    assert registry.query("SELECT deployment_version FROM model_registry_entries") == [(1,)]
    assert registry.query("SELECT count(*) FROM model_deployment_events") == [(1,)]


def test_two_rows_with_the_whole_traffic_are_impossible_by_hand_too(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", status="deploying")
    with pytest.raises(psycopg.errors.UniqueViolation, match="vllm_entries_one_routable"):
        registry.query("UPDATE model_registry_entries SET deployment_status = 'ready' WHERE deployment_revision = 'rev-b'", user="vllm_operator")


def test_many_operators_at_once_leave_one_routable_revision(registry: Database) -> None:
    errors: list[BaseException] = []

    def promote(number: int) -> None:
        try:
            change(registry, revision=f"rev-{number}", actor=f"operator-{number}")
        except BaseException as error:  # the assertion below names it
            errors.append(error)

    for round_number in range(5):
        threads = [threading.Thread(target=promote, args=(round_number * 8 + number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert registry.query("SELECT count(*) FROM model_registry_entries WHERE deployment_status IN ('ready', 'degraded')") == [(1,)]
    assert errors == []
    assert registry.query("SELECT count(*) FROM model_deployment_events WHERE action = 'registered'") == [(40,)]


def test_a_run_that_changes_nothing_asks_once(registry: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs is round trips; `make bench NAME=registry` prints the milliseconds."""
    change(registry)
    said: list[str] = []
    execute = _driver.Psycopg3.execute

    def listen(self: _driver.Psycopg3, connection: t.Any, sql: str, values: t.Sequence[t.Any]) -> t.Any:
        said.append(sql.split()[0])
        return execute(self, connection, sql, values)

    monkeypatch.setattr(_driver.Psycopg3, "execute", listen)
    assert not change(registry).changed
    assert said == ["SELECT"]


def test_a_run_that_changes_nothing_waits_for_nobody(registry: Database) -> None:
    change(registry)
    with registry.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK model_registry_entries IN EXCLUSIVE MODE")  # as a long change by hand: it lets others read
        assert not change(registry, connection={"timeout": 2.0}).changed
        with pytest.raises(Error, match=r"did not (answer|finish)"):
            change(registry, display_name="new", connection={"timeout": 2.0})


def test_a_refusal_waits_for_the_change_that_turns_it_round(registry: Database) -> None:
    """An enable that comes while its model is being registered is not told that there is none."""
    with registry.connect() as holder, concurrent.futures.ThreadPoolExecutor(1) as pool:
        holder.execute("BEGIN")
        holder.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(jsonb_build_array("
            "'inference.vllm', model_registry_default_organization(), 'llama-3-8b'::text, 'staging'::text)::text, 0))"
        )
        disabling = pool.submit(verb, registry, "disabled", reason="maintenance")
        time.sleep(0.5)
        assert not disabling.done()
        holder.execute(
            "INSERT INTO model_registry_entries "
            "(deployment_id, model_name, deployment_environment, deployment_revision, deployment_endpoint, deployment_status, deployment_weight) "
            "VALUES (gen_random_uuid(), 'llama-3-8b', 'staging', 'rev-a', 'llama:8000', 'ready', 100)"
        )
        holder.execute("COMMIT")
        assert disabling.result(20).changed


def test_entries_are_read_by_filters_in_order_and_by_pages(registry: Database) -> None:
    for model, environment, revision in (("m-b", "staging", "r1"), ("m-a", "production", "r1"), ("m-a", "staging", "r1"), ("m-a", "staging", "r2")):
        change(registry, model=model, environment=environment, revision=revision)
    target = _database.database(registry.options("vllm_reader"), {})

    def read(limit: int = 10, offset: int = 0, **filters: t.Any) -> list[tuple[str, str, str]]:
        found = _query.read(target, {"what": "entries", **filters, "limit": limit, "offset": offset})
        return [(row["model_name"], row["deployment_environment"], row["deployment_revision"]) for row in found]

    everything = [("m-a", "production", "r1"), ("m-a", "staging", "r2"), ("m-a", "staging", "r1"), ("m-b", "staging", "r1")]
    assert read() == everything
    assert read(limit=2) + read(limit=2, offset=2) == everything
    assert read(model=["m-a"], status=["ready"]) == everything[:2]
    assert read(environment=["staging"], revision=["r1"]) == everything[2:]


def test_history_tells_what_was_live_when_and_who_changed_it(registry: Database) -> None:
    moments: list[t.Any] = []
    for revision in ("rev-a", "rev-b"):
        change(registry, revision=revision, actor=f"promoter of {revision}")
        moments += registry.query("SELECT clock_timestamp()")[0]
    verb(registry, "absent", revision="rev-b")
    for moment, revision in zip(moments, ("rev-a", "rev-b"), strict=True):
        found = registry.query("SELECT revision, status, weight, actor FROM model_routes_at(%s)", (moment,), user="vllm_reader")
        assert found == [(revision, "ready", 100, f"promoter of {revision}")]
    assert registry.query("SELECT count(*) FROM model_routes_at(now())") == [(0,)]
    assert registry.query("SELECT count(*) FROM model_history WHERE valid_to IS NULL") == [(2,)]


EVIDENCE = {"verdict": "pass", "subject": {"model": "llama-3-8b", "environment": "staging"}}


def test_evidence_without_a_change_leaves_an_event_of_its_own_and_no_other_trace(registry: Database) -> None:
    first = _change.result(change(registry, bundle=BUNDLE, verification=EVIDENCE, record_verification=True))
    assert "verified_event_id" not in first, "the event of the change holds it"
    before = row_state(registry)[0]
    again = _change.result(change(registry, bundle=BUNDLE, verification={**EVIDENCE, "p95": 2}, record_verification=True, actor="ada"))
    assert (again["changed"], row_state(registry)[0]) == (False, before)
    events = registry.query(
        "SELECT event_id, action, verification ->> 'p95', actor, database_user, deployment_bundle, deployment_version, occurred_at <= clock_timestamp() "
        "FROM model_deployment_events ORDER BY event_id DESC LIMIT 1"
    )
    assert events == [(again["verified_event_id"], "verified", "2", "ada", "vllm_operator", BUNDLE, 1, True)]
    assert registry.query("SELECT count(*) FROM model_history") == [(1,)], "evidence is no state"
    assert not change(registry, bundle=BUNDLE, verification=EVIDENCE).changed
    assert registry.query("SELECT count(*) FROM model_deployment_events") == [(2,)], "without the option nothing is written"
    assert "verified_event_id" not in _change.result(change(registry, check_mode=True, bundle=BUNDLE, verification=EVIDENCE, record_verification=True))
    assert registry.query("SELECT count(*) FROM model_deployment_events") == [(2,)]


def test_evidence_is_not_put_down_to_the_revision_that_steps_down(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", verification=EVIDENCE)
    found = registry.query("SELECT action, deployment_revision, verification ->> 'verdict' FROM model_deployment_events ORDER BY event_id")
    assert found == [("registered", "rev-a", None), ("superseded", "rev-a", None), ("registered", "rev-b", "pass")]


def test_evidence_can_be_recorded_by_those_who_may_change_entries_alone(registry: Database) -> None:
    change(registry)
    with pytest.raises(Error) as caught:
        change(registry, verification=EVIDENCE, record_verification=True, connection={"login_user": "vllm_reader"})
    assert caught.value.code == "not_granted"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        registry.query("UPDATE model_deployment_events SET actor = 'x'", user="vllm_operator")


def test_evidence_of_an_entry_that_was_changed_meanwhile_is_not_recorded(registry: Database) -> None:
    change(registry)
    ((entry_id,),) = registry.query("SELECT deployment_id::text FROM model_registry_entries")
    with pytest.raises(psycopg.errors.SerializationFailure):
        registry.query("SELECT model_registry_verified(%s, 7, %s)", (entry_id, json.dumps({"verification": EVIDENCE})), user="vllm_operator")


def test_what_a_model_does_is_shown_to_routers(registry: Database) -> None:
    change(registry, kind="embedding")
    assert registry.query("SELECT kind FROM model_routes", user="vllm_reader") == [("embedding",)]
    assert registry.query("SELECT entry_after ->> 'deployment_kind' FROM model_deployment_events") == [("embedding",)]
    with pytest.raises(psycopg.errors.CheckViolation, match="vllm_entries_kind"):
        registry.query("UPDATE model_registry_entries SET deployment_kind = 'video'", user="vllm_operator")


def test_who_ends_the_degraded_status_by_hand_ends_who_set_it(registry: Database) -> None:
    change(registry)
    change(registry, status="degraded", reason="x", degraded_by="health_check")
    assert registry.query("SELECT deployment_degraded_by FROM model_registry_entries") == [("health_check",)]
    registry.query("UPDATE model_registry_entries SET deployment_status = 'ready'", user="vllm_operator")
    assert registry.query("SELECT deployment_degraded_by FROM model_registry_entries") == [(None,)]


def test_a_model_is_removed_with_all_its_revisions_at_once_and_routers_see_it(registry: Database) -> None:
    change(registry, revision="rev-a")
    change(registry, revision="rev-b", weight=10)
    change(registry, revision="rev-c", status="failed")
    change(registry, model="other")
    answer = _change.result(verb(registry, "absent", reason="retired, see OPS-7", actor="ada"))
    events = registry.query(
        "SELECT action, deployment_revision, reason, actor, change_id::text FROM model_deployment_events WHERE event_id = ANY(%s) ORDER BY 2",
        (answer["event_ids"],),
    )
    assert events == [("removed", f"rev-{name}", "retired, see OPS-7", "ada", answer["change_id"]) for name in "abc"]
    assert registry.query("SELECT model_name FROM model_routes") == [("other",)]
    assert (answer["changed"], answer["routable"], answer["entry"]) == (True, False, None)
    assert not verb(registry, "absent", reason="again").changed
