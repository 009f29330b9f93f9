"""The role as the owner of the schema runs it, and the modules as operators call them: through Ansible."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from tests.integration.registry.conftest import ROOT
from tests.integration.registry.platforms import FOREIGN
from tests.integration.registry.postgres import PASSWORD, Cluster, Database


def ran(database: Database, user: str, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        **os.environ,
        **database.environ(user),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        **environment,
    }
    command = [str(pathlib.Path(sys.executable).parent / program), *arguments]
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=180, check=False)


def role(database: Database, *arguments: str) -> str:
    done = ran(database, "vllm_migrator", "ansible-playbook", "playbooks/registry_schema.yml", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def module(database: Database, *arguments: str, user: str = "vllm_operator", options: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    given = f"model=llama-3-8b environment=staging revision=rev-a endpoint=llama:8000 {options}"
    interpreter = f"ansible_python_interpreter={sys.executable}"
    return ran(database, user, "ansible", "localhost", "-e", interpreter, "-m", "inference.vllm.vllm_registry", "-a", given, *arguments, **environment)


@pytest.mark.parametrize("statements", ["", FOREIGN], ids=["empty", "foreign"])
def test_the_role_makes_all_that_operators_need_and_a_second_run_changes_nothing(cluster: Cluster, statements: str) -> None:
    database = cluster.database()
    with database.connect("vllm_migrator") as connection:
        connection.execute(statements.encode() or b"SELECT 1")
    assert "changed=1 " in role(database, "--check")
    assert database.query("SELECT to_regclass('model_routes')") == [(None,)]
    assert "changed=0" not in role(database)
    assert "changed=0 " in role(database)
    done = module(database)
    assert done.returncode == 0, done.stdout + done.stderr
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
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert sentence in text
    assert "Traceback" not in text
    assert "canary" not in text
    assert PASSWORD not in text


def test_a_password_given_as_an_option_is_in_no_output(registry: Database) -> None:
    done = module(registry, "-vvv", options="login_password=canary-option", PGPASSWORD="")
    assert done.returncode != 0
    assert "canary" not in done.stdout + done.stderr


def test_the_info_module_returns_the_rows(registry: Database) -> None:
    module(registry)
    arguments = ("localhost", "-e", f"ansible_python_interpreter={sys.executable}", "-m", "inference.vllm.vllm_registry_info", "-a", "status=ready,degraded")
    done = ran(registry, "vllm_reader", "ansible", *arguments)
    answer: dict[str, t.Any] = json.loads(done.stdout[done.stdout.index("{") :])
    assert [row["deployment_revision"] for row in answer["entries"]] == ["rev-a"]
    assert answer["changed"] is False
