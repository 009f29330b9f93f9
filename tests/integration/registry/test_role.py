"""The role as the owner of the schema runs it, and the modules as operators call them: through Ansible."""

from __future__ import annotations

import json
import sys
import typing as t

import psycopg
import pytest

from tests import ansible
from tests.ansible import Ran
from tests.integration.registry.conftest import ran
from tests.integration.registry.platforms import FOREIGN
from tests.integration.registry.postgres import PASSWORD, Cluster, Database


def role(database: Database, *arguments: str) -> str:
    done = ran(database, "vllm_migrator", "ansible-playbook", "playbooks/registry_schema.yml", *arguments)
    assert done.code == 0, done.text
    return done.stdout


def module(database: Database, *arguments: str, user: str = "vllm_operator", options: str = "", **more: str) -> Ran:
    given = f"model=llama-3-8b environment=staging revision=rev-a endpoint=llama:8000 {options}"
    return ansible.module("vllm_registry", given, *arguments, env=ansible.environment(**{**database.environ(user), **more}))


@pytest.mark.parametrize("statements", ["", FOREIGN], ids=["empty", "foreign"])
def test_the_role_makes_all_that_operators_need_and_a_second_run_changes_nothing(cluster: Cluster, statements: str) -> None:
    database = cluster.database()
    with database.connect("vllm_migrator") as connection:
        connection.execute(statements.encode() or b"SELECT 1")
    assert "changed=1 " in role(database, "--check")
    assert database.query("SELECT to_regclass('model_routes')") == [(None,)]
    assert "changed=0" not in role(database)
    # Whoever writes takes a transaction's number; reading may log that it tidied a page of the catalogue.
    written = database.query("SELECT pg_snapshot_xmax(pg_current_snapshot())")
    assert "changed=0 " in role(database)
    assert database.query("SELECT pg_snapshot_xmax(pg_current_snapshot())") == written
    done = module(database)
    assert done.code == 0, done.text
    assert database.query("SELECT revision, routable FROM model_routes", user="vllm_reader") == [("rev-a", True)]
    gone = ("-e", json.dumps({"registry_schema_state": "version", "registry_schema_version": 0, "registry_schema_allow_down": True}))
    role(database, *gone)
    assert database.query("SELECT to_regclass('model_routes')") == [(None,)]


def test_the_module_through_ansible_is_idempotent_and_shows_the_row(registry: Database) -> None:
    first = module(registry, "--diff")
    assert "CHANGED" in first.stdout, first.stdout + first.stderr
    assert "deployment_endpoint" in first.stdout
    assert "SUCCESS" in module(registry, "--diff").stdout
    assert '"deployment_version": 1' in module(registry).stdout


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PGPASSWORD": "canary-wrong"}, "refused the password of user vllm_operator"),
        ({"PGPORT": "1"}, "nothing listens for PostgreSQL at 127.0.0.1:1"),
        ({"PGUSER": "vllm_reader"}, "may not do this"),
    ],
)
def test_a_refusal_through_ansible_is_a_sentence_without_trace_and_password(registry: Database, environment: dict[str, str], sentence: str) -> None:
    done = module(registry, "-vvv", **environment)
    text = " ".join(done.text.split())
    assert done.code != 0
    assert sentence in text
    assert "Traceback" not in text
    assert "canary" not in text
    assert PASSWORD not in text


def test_a_password_given_as_an_option_is_in_no_output(registry: Database) -> None:
    done = module(registry, "-vvv", options="login_password=canary-option", PGPASSWORD="")
    assert done.code != 0
    assert "canary" not in done.text


def test_the_info_module_returns_the_rows(registry: Database) -> None:
    module(registry)
    arguments = ("localhost", "-e", f"ansible_python_interpreter={sys.executable}", "-m", "inference.vllm.vllm_registry_info", "-a", "status=ready,degraded")
    done = ran(registry, "vllm_reader", "ansible", *arguments)
    answer: dict[str, t.Any] = json.loads(done.stdout[done.stdout.index("{") :])
    assert [row["deployment_revision"] for row in answer["entries"]] == ["rev-a"]
    assert answer["changed"] is False


def grants(database: Database) -> set[tuple[t.Any, ...]]:
    """Who may do what with which table, view, sequence, function, schema and column, beside the owner and superusers."""
    return set(
        database.query(
            """
            SELECT 'table', c.relname, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.relnamespace = 'public'::regnamespace AND a.grantee NOT IN (c.relowner, 0)
            UNION SELECT 'schema', n.nspname, a.grantee::regrole::text, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a
            WHERE n.nspname = 'public' AND a.grantee NOT IN (n.nspowner, 0)
            UNION SELECT 'column', c.relname || '.' || t.attname, a.grantee::regrole::text, a.privilege_type
            FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a WHERE c.relnamespace = 'public'::regnamespace
            """
        )
    )


def test_the_role_makes_users_and_grants_exactly_what_the_tests_take_for_granted(cluster: Cluster, own: Database) -> None:
    """Made by an owner that is no superuser, and has CREATEROLE."""
    database, names = cluster.database(), {"owner": "fresh_owner", "operator": "fresh_operator", "reader": "fresh_reader"}
    secret = "canary-for-fresh-users"
    with cluster.connect("postgres", "postgres") as connection:
        connection.execute(f"CREATE ROLE {names['owner']} LOGIN CREATEROLE PASSWORD '{PASSWORD}'".encode())
        connection.execute(f"ALTER DATABASE {database.name} OWNER TO {names['owner']}".encode())
    database.query(f"ALTER SCHEMA public OWNER TO {names['owner']}")
    wanted = {
        "registry_schema_create_users": True,
        "registry_schema_operators": [names["operator"]],
        "registry_schema_readers": [names["reader"]],
        "registry_schema_passwords": {names["operator"]: secret, names["reader"]: secret},
    }
    for changed in (True, False):
        words = ("-vvv", "-e", json.dumps(wanted)) if changed else ("-e", json.dumps(wanted))
        done = ran(database, names["owner"], "ansible-playbook", "playbooks/registry_schema.yml", *words)
        assert done.code == 0, done.text
        assert ("changed=0 " in done.stdout) is not changed
        assert secret not in done.stdout.replace(json.dumps(wanted), "") or not changed
    found = {(kind, name, user.replace("fresh", "vllm"), privilege) for kind, name, user, privilege in grants(database)}
    assert found == grants(own)
    with psycopg.connect(**{**cluster.parameters(names["operator"], database.name), "password": secret}, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM model_routes").fetchone() == (0,)
