"""Every server version found here, each with a database per test, its schema made by our own migrations and grants by the role's statements."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry import _change, _database, _migrate, _migrations, _request

from tests.ansible import ROOT, Ran, environment, run
from tests.integration.registry.postgres import Cluster, Database, forget, installations

MIGRATIONS = ROOT / "roles" / "registry_schema" / "files" / "migrations"

#: What roles/registry_schema grants; test_role.py compares.
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO vllm_operator, vllm_reader",
    "GRANT SELECT ON model_registry_entries, model_deployment_events, model_routes, model_mappings, model_history TO vllm_operator, vllm_reader",
    "GRANT INSERT, UPDATE, DELETE ON model_registry_entries TO vllm_operator",
)


@pytest.fixture(scope="session")
def clusters() -> t.Iterator[t.Callable[[str], Cluster]]:
    """One server a version for the whole run, started when it is first asked for."""
    running: dict[str, Cluster] = {}

    def get(version: str) -> Cluster:
        if version not in running:
            running[version] = Cluster.create(installations()[version])
        return running[version]

    yield get
    for cluster in running.values():
        cluster.stop()
    forget()


@pytest.fixture(scope="session", params=sorted(installations(), key=int, reverse=True), ids=lambda version: f"postgresql-{version}")
def any_cluster(request: pytest.FixtureRequest, clusters: t.Callable[[str], Cluster]) -> Cluster:
    return clusters(request.param)


@pytest.fixture(scope="session")
def cluster(clusters: t.Callable[[str], Cluster]) -> Cluster:
    """The newest server."""
    return clusters(max(installations(), key=int))


@pytest.fixture
def empty(any_cluster: Cluster) -> Database:
    """A database without any table."""
    return any_cluster.database()


@pytest.fixture
def registry(cluster: Cluster) -> Database:
    """The registry's schema and grants, and no rows: one database for all tests that only write rows, emptied before each."""
    return emptied(cluster)


def emptied(cluster: Cluster) -> Database:
    if not cluster.prepared:
        cluster.prepared = prepared(cluster.database()).name
    shared = Database(cluster, cluster.prepared)
    with shared.connect() as connection:
        # Sessions that a test left hanging would keep their locks.
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        connection.execute("TRUNCATE model_registry_entries, model_deployment_events RESTART IDENTITY")
    return shared


@pytest.fixture
def own(cluster: Cluster) -> Database:
    """The same in a database of the test's own, for tests that change more than rows."""
    return prepared(cluster.database())


def prepared(database: Database) -> Database:
    migrate(database)
    with database.connect() as connection:
        for grant in GRANTS:
            connection.execute(grant.encode())
    return database


def migrations() -> tuple[_migrations.Migration, ...]:
    loaded: tuple[_migrations.Migration, ...] = _migrations.load(str(MIGRATIONS))
    return loaded


def migrate(database: Database, version: int | None = None, **more: t.Any) -> _migrate.Migrated:
    return _migrate.migrate(_database.database(database.options("vllm_migrator"), {}), migrations(), version, allow_down=True, **more)


def entry(**more: t.Any) -> dict[str, t.Any]:
    """Options of vllm_registry for one entry; None takes an option away."""
    options = {
        "state": "present",
        "model": "llama-3-8b",
        "environment": "staging",
        "revision": "rev-a",
        "endpoint": "llama-3-8b-staging.staging.svc.cluster.local:8000",
        "status": "ready",
        **more,
    }
    return {name: value for name, value in options.items() if value is not None}


def change(database: Database, *, check_mode: bool = False, connection: dict[str, t.Any] | None = None, **more: t.Any) -> _change.Changed:
    target = _database.database({**database.options(), **(connection or {})}, {})
    return _change.change(target, _request.request(entry(**more)), check_mode=check_mode)


def verb(database: Database, state: str, **more: t.Any) -> _change.Changed:
    """absent, enabled or disabled."""
    return change(database, state=state, **{"endpoint": None, "revision": None, **more})


def ran(database: Database, user: str, program: str, *arguments: str, **more: str) -> Ran:
    """One of Ansible's programs, as that user of the database."""
    return run(program, *arguments, env=environment(**{**database.environ(user), **more}))
