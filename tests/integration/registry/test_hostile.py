"""Strings that try to be something else, and users that try to do what they may not."""

from __future__ import annotations

import os
import typing as t

import psycopg
import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry import _database, _plan, _request, _session, _sql
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.registry.conftest import change, entry
from tests.integration.registry.postgres import Database

#: 10,000 for a thorough run; HOSTILE_STRINGS in the environment says so.
STRINGS = int(os.environ.get("HOSTILE_STRINGS", "400"))
SQL = ["'", '"', "\\", "\0", ";", "--", "/*", "%s", "%(x)s", "$1", "'; DROP TABLE model_registry_entries; --", "' OR 1=1 --"]
OTHER = ["{{ 7*7 }}", "${x}", "\n", "\u00e9", "\U0001f600", "\ud800", "\u202e"]
NASTY = st.sampled_from(SQL + OTHER)
LONG = st.sampled_from(["x" * 10_240, "\u00e9" * 5_000])
PLAIN = st.text("abcxyz019.-", min_size=1, max_size=12)
TEXTS = st.one_of(PLAIN, st.text(max_size=60), st.lists(NASTY | st.text(max_size=5), max_size=8).map("".join), LONG)
INSERT = """INSERT INTO public.model_registry_entries
    (deployment_id, model_name, deployment_environment, deployment_revision, deployment_status, deployment_endpoint, deployment_weight)
    VALUES (gen_random_uuid(), 'm', 'staging', 'r', 'ready', 'm:1', 100)"""
OPTIONS = {
    "model": "model_name",
    "revision": "deployment_revision",
    "endpoint": "deployment_endpoint",
    "display_name": "display_name",
    "reason": "deployment_reason",
    "organization": "organization_id",
    "namespace": "deployment_namespace",
    "release": "deployment_release",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_string_is_stored_exactly_or_refused_in_words(registry: Database, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    """On one connection, with a transaction for each that is rolled back after the row was read."""
    target = _database.database(registry.options(timeout=600.0), {})
    counts = {"stored": 0, "refused": 0}
    statements: set[str] = set()
    with _session.opened(target, Deadline(600)) as session:
        execute = session._driver.execute

        def listen(connection: t.Any, sql: str, values: t.Sequence[t.Any]) -> t.Any:
            statements.add(sql)
            return execute(connection, sql, values)

        monkeypatch.setattr(session._driver, "execute", listen)

        @settings(max_examples=STRINGS // len(OPTIONS), deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,), database=None)
        @given(TEXTS)
        def each(text: str) -> None:
            request, refusal = asked(option, text)
            counts["refused" if refusal else "stored"] += 1
            if request is None:
                assert option in refusal
                assert len(refusal) < 400
            else:
                assert written(session, request)[OPTIONS[option]] == (text or (None if option == "reason" else ""))

        each()
    assert counts["refused"] > 0
    assert counts["stored"] > 0
    # Whatever the string was, the statements are the same: begin, settings, lock, read, insert (with the option's column or without), rollback.
    assert len(statements) <= 7
    print(f"{option}: {counts}, {len(statements)} statements")
    assert registry.query("SELECT count(*) FROM model_registry_entries") == [(0,)]


def asked(option: str, text: str) -> tuple[_request.EntryRequest | None, str]:
    try:
        return _request.request({**entry(), "status": "failed", option: text}), ""
    except InputError as error:
        return None, str(error)


def written(session: _session.DatabaseSession, request: _request.EntryRequest) -> dict[str, t.Any]:
    session.begin()
    store = _sql.Store(session, request)
    store.lock()
    for write in _plan.plan(request, store.rows()).writes:
        store.write(write)
    (found,) = store.rows()
    session.rollback()
    return t.cast(dict[str, t.Any], found)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO model_registry_entries (model_name) VALUES ('x')",
        "UPDATE model_registry_entries SET deployment_status = 'ready'",
        "DELETE FROM model_registry_entries",
        "TRUNCATE model_registry_entries",
        "INSERT INTO model_deployment_events (action) VALUES ('x')",
        "UPDATE model_deployment_events SET actor = 'x'",
        "DELETE FROM model_deployment_events",
        "UPDATE model_routes SET routable = true",
        "UPDATE model_mappings SET name = 'x'",
        "UPDATE schema_migrations SET version = 1",
        "CREATE TABLE x (id int)",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE model_registry_entries",
        "SELECT model_registry_record()",
    ],
)
def test_a_reader_writes_nothing(registry: Database, statement: str) -> None:
    change(registry)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        registry.query(statement, user="vllm_reader")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO model_deployment_events (action, deployment_id, model_name) VALUES ('registered', gen_random_uuid(), 'x')",
        "UPDATE model_deployment_events SET actor = 'x'",
        "DELETE FROM model_deployment_events",
        "TRUNCATE model_deployment_events",
        "TRUNCATE model_registry_entries",
        "ALTER TABLE model_registry_entries ADD COLUMN x int",
        "ALTER TABLE model_registry_entries DISABLE TRIGGER ALL",
        "ALTER TABLE model_registry_entries DROP CONSTRAINT vllm_entries_status",
        "DROP TRIGGER vllm_entries_record_update ON model_registry_entries",
        "DROP INDEX vllm_entries_one_routable",
        "CREATE OR REPLACE FUNCTION model_registry_essence(entry model_registry_entries) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
        "CREATE TABLE x (id int)",
        "SET session_replication_role = replica",
        "UPDATE schema_migrations SET version = 1",
        "UPDATE model_registry_schema_objects SET name = 'x'",
        "SELECT model_registry_record()",
    ],
)
def test_an_operator_changes_no_schema_and_no_event(registry: Database, statement: str) -> None:
    change(registry)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        registry.query(statement, user="vllm_operator")


def test_an_operator_cannot_pretend_to_be_another_database_user(registry: Database) -> None:
    with registry.connect("vllm_operator") as connection:
        connection.execute("SELECT set_config('inference_vllm.context', %s, false)", ('{"database_user": "postgres", "actor": "ada"}',))
        connection.execute(INSERT)
    assert registry.query("SELECT actor, database_user FROM model_deployment_events") == [("ada", "vllm_operator")]


def test_a_table_of_the_callers_own_cannot_catch_the_events(own: Database) -> None:
    own.query(f"GRANT TEMPORARY ON DATABASE {own.name} TO vllm_operator")
    with own.connect("vllm_operator") as connection:
        connection.execute("CREATE TEMPORARY TABLE model_deployment_events (LIKE public.model_deployment_events)")
        connection.execute(INSERT)
    assert own.query("SELECT count(*) FROM model_deployment_events") == [(1,)]
