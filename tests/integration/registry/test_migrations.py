"""Migrations up, down and up again on what platforms may have, and side by side with golang-migrate."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import subprocess
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error, InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry import _database, _migrate, _migrations
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import RegistryError

from tests.integration.registry.conftest import GRANTS, MIGRATIONS, ROOT, change, migrate, migrations, prepared
from tests.integration.registry.platforms import FOREIGN, PLATFORMS, WITH_CHECK, WITH_MAPPINGS, WITHOUT_CHECK
from tests.integration.registry.postgres import PASSWORD, Cluster, Database, installations

MIGRATE = pathlib.Path(shutil.which("migrate") or ROOT / ".lab" / "bin" / "migrate")


def dump(database: Database) -> str:
    """The schema, without the lines that are drawn anew for each dump and without the version's own table."""
    text = database.cluster.run("pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=schema_migrations", database.name)
    return "\n".join(line for line in text.splitlines() if line and not line.startswith(("--", "\\restrict", "\\unrestrict")))


def rows(database: Database) -> list[tuple[t.Any, ...]]:
    """Every row of the platform's tables with its physical version: a migration rewrites none of them."""
    found = []
    for (table,) in database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%migrations' ORDER BY 1"):
        statement = "SELECT md5(e::text), xmin::text FROM @ e ORDER BY 1".replace("@", table)
        found += [(table, *row) for row in database.query(statement)]
    return found


def made(database: Database, statements: str) -> Database:
    if statements:
        with database.connect("vllm_migrator") as connection:
            connection.execute(statements.encode())
    return database


@pytest.mark.parametrize("statements", PLATFORMS.values(), ids=PLATFORMS)
def test_up_down_up_gives_back_exactly_what_was_there(empty: Database, statements: str) -> None:
    platform = made(empty, statements)
    content, dumps = rows(platform), {0: dump(platform)}
    steps = migrate(platform, check_mode=True).steps
    # Each step by itself on the newest server; the others show that all together is the same there.
    newest = platform.cluster.programs == installations()[max(installations(), key=int)]
    for stop in [step.leads_to for step in steps] if newest else [steps[-1].leads_to]:
        migrate(platform, stop)
        dumps[stop] = dump(platform)
    assert migrate(platform).steps == ()
    for version in sorted(dumps, reverse=True):
        migrate(platform, version)
        assert dump(platform) == dumps[version], version
    assert rows(platform) == content
    migrate(platform)
    assert dump(platform) == dumps[max(dumps)]


@pytest.mark.parametrize("statements", PLATFORMS.values(), ids=PLATFORMS)
def test_a_model_is_registered_on_every_platform_and_gone_after_the_reverse(cluster: Cluster, statements: str) -> None:
    platform = made(cluster.database(), statements)
    schema, content = dump(platform), rows(platform)
    migrate(platform)
    grant(platform)
    change(platform, model="new-model")
    assert not change(platform, model="new-model").changed
    change(platform, model="new-model", state="disabled", endpoint=None, revision=None, reason="test")
    assert platform.query("SELECT model_name, routable, refusal FROM model_routes WHERE model_name = 'new-model'") == [("new-model", False, "disabled: test")]
    migrate(platform, 0)
    assert dump(platform) == schema
    assert [row[:2] for row in rows(platform)] == [row[:2] for row in content]


def grant(database: Database) -> None:
    for statement in GRANTS:
        database.query(statement)
    # What a platform with numbered rows grants to whoever inserts them.
    database.query("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vllm_operator")


def test_a_platforms_default_organisation_is_the_scope_when_none_is_named(blank: Database) -> None:
    migrate(made(blank, FOREIGN))
    grant(blank)
    change(blank, model="llama-3-8b")
    assert not change(blank, model="llama-3-8b").changed
    found = blank.query("SELECT organization_id::text, provider FROM model_registry_entries WHERE deployment_id IS NOT NULL")
    assert found == [("00000000-0000-0000-0000-000000000001", "openai")]
    assert blank.query("SELECT count(*) FROM model_registry_entries") == [(4,)]


def test_a_row_that_the_platform_deployed_is_taken_over_and_disabled_in_spite_of_its_check(blank: Database) -> None:
    migrate(made(blank, WITH_CHECK))
    grant(blank)
    assert blank.query("SELECT count(*) FROM model_routes") == [(0,)]
    outcome = change(blank, revision="rev-a")
    assert outcome.changed
    assert blank.query("SELECT id, deployment_revision FROM model_registry_entries WHERE model_name = 'llama-3-8b'") == [(1, "rev-a")]
    change(blank, state="disabled", endpoint=None, revision=None)
    assert blank.query("SELECT deployment_status FROM model_registry_entries WHERE id = 1") == [("disabled",)]


def test_rows_doubled_by_two_operators_end_as_one_routable_revision(blank: Database) -> None:
    migrate(made(blank, WITHOUT_CHECK))
    grant(blank)
    change(blank, revision="rev-a")
    found = blank.query("SELECT deployment_revision, deployment_status FROM model_registry_entries WHERE deployment_environment = 'staging' ORDER BY id")
    assert found == [("rev-a", "ready"), (None, "superseded")]
    assert blank.query("SELECT deployment_status FROM model_registry_entries WHERE deployment_environment = 'prod'") == [("live",)]


@pytest.mark.parametrize("statements", [FOREIGN, WITH_CHECK, WITHOUT_CHECK])
def test_the_platforms_own_writes_go_on_as_before(cluster: Cluster, statements: str) -> None:
    platform = made(cluster.database(), statements)
    migrate(platform)
    platform.query("INSERT INTO model_registry_entries (model_name) VALUES ('by-platform'), ('by-platform')", user="vllm_migrator")
    platform.query("UPDATE model_registry_entries SET model_name = 'renamed' WHERE model_name = 'by-platform'", user="vllm_migrator")
    platform.query("DELETE FROM model_registry_entries WHERE model_name = 'renamed'", user="vllm_migrator")
    assert platform.query("SELECT count(*) FROM model_deployment_events") == [(0,)]


def test_a_platforms_unique_name_is_told_when_a_second_revision_comes(cluster: Cluster) -> None:
    platform = made(cluster.database(), WITH_MAPPINGS)
    migrate(platform)
    grant(platform)
    change(platform, revision="rev-a")
    with pytest.raises(RegistryError, match="unique constraint model_registry_entries_pkey; remove or change that row first"):
        change(platform, revision="rev-b")
    assert platform.query("SELECT deployment_revision, deployment_status FROM model_registry_entries WHERE deployment_id IS NOT NULL") == [("rev-a", "ready")]


def test_a_platforms_table_of_another_shape_is_refused_in_words(blank: Database) -> None:
    made(blank, "CREATE TYPE status AS ENUM ('on', 'off'); CREATE TABLE model_registry_entries (model_name text, deployment_status status)")
    with pytest.raises(RegistryError, match=r"column model_registry_entries.deployment_status has type status, the registry needs text"):
        migrate(blank)
    assert migrate(blank, check_mode=True).before == 0


def test_a_migration_that_fails_leaves_nothing(blank: Database, tmp_path: pathlib.Path) -> None:
    (tmp_path / "20260101000000_half.up.sql").write_text("CREATE TABLE half (id int); SELECT 1 / 0;", encoding="ascii")
    (tmp_path / "20260101000000_half.down.sql").write_text("DROP TABLE half;", encoding="ascii")
    target = _database.database(blank.options("vllm_migrator"), {})
    with pytest.raises(RegistryError, match=r"migration 20260101000000_half.up failed: division by zero"):
        _migrate.migrate(target, _migrations.load(str(tmp_path)), None)
    assert blank.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_entries_that_a_check_had_degraded_are_still_known_as_such_and_did_not_change(blank: Database) -> None:
    migrate(blank, before_evidence())
    insert = (
        "INSERT INTO model_registry_entries (deployment_id, model_name, deployment_environment, deployment_revision, deployment_status, "
        "deployment_endpoint, deployment_weight, deployment_reason) VALUES (gen_random_uuid(), 'm', 'staging', %s, 'degraded', 'm:1', 10, %s)"
    )
    for revision, reason in (("a", "health check: failed"), ("b", "reconcile: dead"), ("c", "slow since noon"), ("d", None)):
        blank.query(insert, (revision, reason), user="vllm_migrator")
    migrate(blank)
    found = blank.query("SELECT deployment_revision, deployment_degraded_by, deployment_version FROM model_registry_entries ORDER BY 1")
    assert found == [("a", "health_check", 1), ("b", "reconcile", 1), ("c", None, 1), ("d", None, 1)]
    assert blank.query("SELECT count(*) FROM model_deployment_events") == [(4,)]


def test_readers_keep_their_grants_on_the_views_that_are_made_again(blank: Database) -> None:
    prepared(blank)
    migrate(blank, before_evidence())
    assert blank.query("SELECT count(*) FROM model_routes", user="vllm_reader") == [(0,)]
    assert blank.query("SELECT count(*) FROM model_mappings", user="vllm_reader") == [(0,)]


def before_evidence() -> int:
    return next(migration.version for migration in migrations() if migration.name == "routing_proof")


def test_those_who_go_the_same_way_at_once_share_the_steps(blank: Database) -> None:
    wanted = migrate(blank, check_mode=True).steps
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ways = [one.result() for one in [pool.submit(migrate, blank) for _ in range(4)]]
    assert {way.after for way in ways} == {wanted[-1].leads_to}
    assert sorted((step for way in ways for step in way.steps), key=lambda step: step.leads_to) == list(wanted), "each step was taken by one of them"


def test_somebody_who_went_another_way_meanwhile_is_told(blank: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(blank)
    first, *_rest = _migrations.way(migrations(), 0, None)
    monkeypatch.setattr(_migrate, "way", lambda *_given: (dataclasses.replace(first, starts_from=-1, leads_to=-2),))
    with pytest.raises(RegistryError, match="another migration ran at the same time: the schema is now at version"):
        migrate(blank)


def test_going_down_needs_to_be_said(registry: Database) -> None:
    with pytest.raises(RegistryError, match=r"reverses 1 migrations and loses their data; set allow_down"):
        _migrate.migrate(_database.database(registry.options("vllm_migrator"), {}), migrations(), migrations()[-2].version)


def test_a_dirty_a_newer_and_an_unknown_schema_are_refused_in_words(own: Database) -> None:
    own.query("UPDATE schema_migrations SET dirty = true")
    with pytest.raises(RegistryError, match=r"has failed half way \(dirty in schema_migrations\)"):
        migrate(own)
    own.query("UPDATE schema_migrations SET dirty = false, version = 29990101000000")
    with pytest.raises(RegistryError, match=r"version 29990101000000, which these migrations do not have"):
        migrate(own)
    with pytest.raises(InputError, match="there is no migration 5"):
        migrate(own, 5)


def test_another_table_keeps_the_version_beside_a_platforms_own(blank: Database) -> None:
    made(blank, "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (7, false)")
    with pytest.raises(RegistryError, match="another migrations_table"):
        migrate(blank)
    migrate(blank, table="vllm_schema_migrations")
    assert blank.query("SELECT version FROM schema_migrations") == [(7,)]
    assert blank.query("SELECT version FROM vllm_schema_migrations") == [(migrations()[-1].version,)]


def test_every_table_view_and_column_has_a_comment(blank: Database) -> None:
    migrate(blank)
    silent = blank.query(
        """SELECT c.relname, a.attname FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'schema_migrations'
           AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)"""
    )
    assert silent == []


@pytest.fixture
def blank(cluster: Cluster) -> Database:
    """A database without any table, on the newest server."""
    return cluster.database()


def golang_migrate(database: Database, *arguments: str) -> str:
    url = f"postgres://vllm_migrator:{PASSWORD}@127.0.0.1:{database.cluster.port}/{database.name}?sslmode=disable"
    command = [str(MIGRATE), "-path", str(MIGRATIONS), "-database", url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(not MIGRATE.exists(), reason="golang-migrate is not built: make golang-migrate")
@pytest.mark.parametrize("statements", [PLATFORMS["empty"], WITH_CHECK], ids=["empty", "with-check"])
def test_golang_migrate_and_ours_carry_on_from_each_other(blank: Database, statements: str) -> None:
    versions = [migration.version for migration in migrations()]
    start = dump(made(blank, statements))
    golang_migrate(blank, "up", "1")
    assert migrate(blank).before == versions[0]
    ours = dump(blank)
    assert str(versions[-1]) in golang_migrate(blank, "version")
    golang_migrate(blank, "down", "-all")
    assert dump(blank) == start
    assert migrate(blank, check_mode=True).before == 0
    golang_migrate(blank, "up")
    assert dump(blank) == ours
    assert migrate(blank).steps == ()
    migrate(blank, versions[0])
    golang_migrate(blank, "goto", str(versions[1]))
    migrate(blank, 0)
    assert dump(blank) == start
    assert "no migration" in golang_migrate_version(blank)


def golang_migrate_version(database: Database) -> str:
    url = f"postgres://vllm_migrator:{PASSWORD}@127.0.0.1:{database.cluster.port}/{database.name}?sslmode=disable"
    done = subprocess.run([str(MIGRATE), "-path", str(MIGRATIONS), "-database", url, "version"], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.skipif(not MIGRATE.exists(), reason="golang-migrate is not built: make golang-migrate")
def test_ours_and_golang_migrate_shut_each_other_out(registry: Database) -> None:
    """While it waits for its table it holds its lock: ours must find that lock taken."""
    with registry.connect("vllm_migrator") as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK schema_migrations IN ACCESS EXCLUSIVE MODE")
        url = f"postgres://vllm_migrator:{PASSWORD}@127.0.0.1:{registry.cluster.port}/{registry.name}?sslmode=disable"
        other = subprocess.Popen([str(MIGRATE), "-path", str(MIGRATIONS), "-database", url, "up"], stderr=subprocess.DEVNULL)
        held: list[tuple[t.Any, ...]] = []
        end = time.monotonic() + 20
        while not held and time.monotonic() < end:
            statement = "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
            held = registry.query(statement)
            time.sleep(0.02)
        holder.execute("ROLLBACK")
        assert other.wait(20) == 0
    assert held[0][0] in _migrate.lock_keys(registry.name, "public", "schema_migrations")


def test_ours_waits_for_a_migration_that_runs(registry: Database) -> None:
    for key in _migrate.lock_keys(registry.name, "public", "schema_migrations"):
        with registry.connect("vllm_migrator") as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", (key,))
            with pytest.raises(Error, match="waiting for another migration to end"):
                _migrate.migrate(_database.database(registry.options("vllm_migrator", timeout=1.0), {}), migrations(), None)


@pytest.fixture
def two(any_cluster: Cluster) -> Database:
    return prepared(any_cluster.database())


def test_the_schema_works_on_every_server_version(two: Database) -> None:
    change(two, revision="rev-a")
    change(two, revision="rev-b", weight=10)
    assert two.query("SELECT revision, share::float FROM model_routes ORDER BY 1") == [("rev-a", 0.9), ("rev-b", 0.1)]
