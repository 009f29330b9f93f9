"""What the lab gives: nodes, namespaces, database users, variables."""

from __future__ import annotations

import base64
import os
import shlex
import signal
import subprocess
import sys
import time
import typing as t

import psycopg
import pytest
from psycopg import errors

from lab.__main__ import main

ENVIRONMENTS = ("development", "staging", "production")


def test_nodes_look_as_the_platform_labels_and_taints_them(lab: t.Any) -> None:
    # Tests of the kubelet bring nodes of their own into the shared lab.
    nodes = [node for node in lab.client("viewer").items("/api/v1/nodes") if node["metadata"]["name"].startswith("gpu-")]
    assert [node["metadata"]["name"] for node in nodes] == ["gpu-0", "gpu-1"]
    for node in nodes:
        labels = node["metadata"]["labels"]
        assert labels["node-type"] == "gpu"
        assert labels["kubernetes.io/hostname"] == node["metadata"]["name"]
        assert labels["nvidia.com/gpu.product"] == "NVIDIA-RTX-6000-Ada-Generation"
        assert (labels["nvidia.com/gpu.memory"], labels["nvidia.com/gpu.count"], labels["nvidia.com/gpu.present"]) == ("49140", "8", "true")
        assert labels["lab.inference.vllm/kubelet"] == "process"
        assert node["spec"]["taints"] == [{"key": "gpu-workload", "value": "true", "effect": "NoSchedule"}]
        wanted = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": "8"}
        assert {name: node["status"]["allocatable"][name] for name in wanted} == wanted
        assert [entry["status"] for entry in node["status"]["conditions"] if entry["type"] == "Ready"] == ["True"]


def test_node_leases_are_renewed(lab: t.Any) -> None:
    api, path = lab.client("admin"), "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/gpu-0"
    first, end = api.get(path)["spec"]["renewTime"], time.monotonic() + 30
    while api.get(path)["spec"]["renewTime"] == first:
        assert time.monotonic() < end, f"the lease of gpu-0 is still that of {first}"
        time.sleep(0.5)


def test_a_node_that_was_lost_is_ready_again_once_kwok_says_so(lab: t.Any) -> None:
    api = lab.client("admin")
    lost = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    api.patch("/api/v1/nodes/gpu-1/status", {"status": {"conditions": [lost]}}, kind="application/strategic-merge-patch+json")
    end = time.monotonic() + 30
    while not ready(api, "gpu-1"):
        assert time.monotonic() < end
        time.sleep(0.2)


def ready(api: t.Any, name: str) -> bool:
    node = api.get(f"/api/v1/nodes/{name}")
    condition = next(entry for entry in node["status"]["conditions"] if entry["type"] == "Ready")
    return bool(condition["status"] == "True" and len(node["spec"].get("taints") or []) == 1)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_its_label_quota_and_secrets(lab: t.Any, name: str) -> None:
    api = lab.client("operator")
    labels = api.get(f"/api/v1/namespaces/{name}")["metadata"]["labels"]
    assert labels["environment"] == name
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert api.get(f"/api/v1/namespaces/{name}/resourcequotas/gpus")["spec"]["hard"] == {"requests.nvidia.com/gpu": "16"}
    held = {secret: api.get(f"/api/v1/namespaces/{name}/secrets/{secret}")["data"] for secret in ("vllm-api-key", "hf-token")}
    variables = lab.env()
    assert base64.b64decode(held["vllm-api-key"]["api-key"]).decode() == variables["VLLM_API_KEY"]
    assert base64.b64decode(held["hf-token"]["token"]).decode() == variables["HF_TOKEN"]


def statement(lab: t.Any, who: str, query: str) -> object:
    with psycopg.connect(**lab.database(who), autocommit=True) as connection:
        return connection.execute(query).fetchone()


def test_only_the_migrator_makes_tables(lab: t.Any) -> None:
    for who in ("operator", "reader"):
        with pytest.raises(errors.InsufficientPrivilege):
            statement(lab, who, "CREATE TABLE intruder (word text)")
        with pytest.raises(errors.InsufficientPrivilege):
            statement(lab, who, "CREATE SCHEMA intruder")
    with psycopg.connect(**lab.database("migrator")) as connection:
        connection.execute("CREATE TABLE proof (word text)")
        for who in ("operator", "reader"):
            # What they may do with a table is the registry's migrations' to grant; the lab grants nothing.
            granted = connection.execute("SELECT has_table_privilege(%s, 'proof', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')", [f"vllm_{who}"])
            assert granted.fetchone() == (False,)
        connection.rollback()


def test_database_users_are_no_more_than_users(lab: t.Any) -> None:
    query = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    for who in ("migrator", "operator", "reader"):
        assert statement(lab, who, query) == (False,), who
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(**{**lab.database(who), "dbname": "postgres"})


def test_no_database_user_gets_in_without_its_own_password(lab: t.Any) -> None:
    for who in ("migrator", "operator", "reader", "postgres"):
        for password in ("", "wrong", lab.state.passwords["vllm_reader"] + "x"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(**{**lab.database(who), "password": password})
    assert statement(lab, "postgres", "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == ("scram-sha-256",)


def test_env_prints_lines_that_a_shell_takes(lab: t.Any, capsys: pytest.CaptureFixture[str]) -> None:
    for who in ("operator", "viewer", "admin", "migrator", "reader"):
        assert main(["env", "--name", lab.name, "--as", who]) == 0
        said = capsys.readouterr().out
        assert all(line.startswith("export ") for line in said.splitlines())
        names = [line.removeprefix("export ").partition("=")[0] for line in said.splitlines()]
        script = f'{said}\nfor name in {shlex.join(names)}; do eval "printf \'%s\\n\' \\"\\$$name\\""; done'
        taken = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.defpath})
        assert dict(zip(names, taken.stdout.splitlines(), strict=True)) == lab.env(who)
    assert set(names) == {
        *("K8S_AUTH_KUBECONFIG", "KUBECONFIG", "HF_TOKEN", "VLLM_API_KEY"),
        *("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE"),
    }


def test_status_shows_every_part_with_port_memory_age_and_health(lab: t.Any) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", "status", "--name", lab.name], cwd=lab.root, capture_output=True, text=True, check=True)
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["part", "port", "memory", "age", "health"]
    assert {row[0]: row[1] for row in rows if row[0] in lab.state.ports} == {part: str(port) for part, port in lab.state.ports.items() if part != "etcd-peer"}
    assert all(row[-1] == "ok" for row in rows)


def test_logs_prints_what_a_part_wrote_and_names_the_parts_that_there_are(lab: t.Any) -> None:
    command = [sys.executable, "-m", "lab", "logs", "--name", lab.name]
    done = subprocess.run([*command, "postgres"], cwd=lab.root, capture_output=True, text=True, check=True)
    assert "database system is ready to accept connections" in done.stdout
    wrong = subprocess.run([*command, "postgresql"], cwd=lab.root, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "no log of 'postgresql': known are etcd," in wrong.stderr


def test_logs_can_be_followed_until_ctrl_c(lab: t.Any) -> None:
    log = lab.layout.log("initdb")
    command = [sys.executable, "-m", "lab", "logs", "--name", lab.name, "initdb", "-f"]
    with subprocess.Popen(command, cwd=lab.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follow:
        assert follow.stdout is not None
        assert follow.stdout.readline()
        with log.open("a", encoding="utf-8") as more:
            more.write("a line that comes later\n")
        while "a line that comes later" not in (line := follow.stdout.readline()):
            assert line, "the end was reached, not followed"
        follow.send_signal(signal.SIGINT)
        assert follow.wait(20) == 130
