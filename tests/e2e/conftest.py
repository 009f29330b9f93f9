"""The playbooks as their users run them: as vllm-operator, on the lab, with inventories of their own or the repository's."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import typing as t

import psycopg
import pytest
import yaml

from lab.testing import MakeNamespace, RunningLab, lab, make_namespace, namespace, one_at_a_time
from tests.ansible import ROOT, Ran, module, result, run

__all__ = ["ROOT", "Ran", "lab", "make_namespace", "namespace"]


#: What a lab needs to be quick: probes every few seconds instead of every thirty.
QUICK = {
    "probes": {
        "startup": {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 90},
        "readiness": {"periodSeconds": 2, "timeoutSeconds": 2},
    },
    "drain": {"preStopSeconds": 0},
}


@dataclasses.dataclass
class Site:
    """One namespace of the lab with an inventory of its own; models get names that no other test uses."""

    lab: RunningLab
    namespace: str
    folder: pathlib.Path
    #: Whether its models are registered at all.
    registers: bool = True

    def model(self, name: str, **settings: t.Any) -> str:
        """Writes the model's host_vars; ``settings`` are vllm_* variables without their prefix, laid over a small model."""
        host = f"{name}-{self.namespace}"
        values = _merged(QUICK, settings.pop("values", {}))
        small = {
            "model": {"source": "org/small", "revision": "abc", "size": "small"},
            "resources": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            "values": values,
        }
        variables = {f"vllm_{key}": value for key, value in {**small, **settings}.items()}
        (self.folder / "host_vars").mkdir(exist_ok=True)
        (self.folder / "host_vars" / f"{host}.yml").write_text(yaml.safe_dump(variables))
        hosts = yaml.safe_load((self.folder / "hosts.yml").read_text())
        hosts["vllm_models"]["hosts"][host] = None
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
        return host

    def play(self, *words: str, env: dict[str, str] | None = None, timeout: float = 240, playbook: str = "deploy.yml") -> Ran:
        """After every green deploy the registry, the releases and what answers agree: whatever a test is about, that is checked too."""
        self.reports.mkdir(exist_ok=True)
        for old in self.reports.glob("*.json"):
            old.unlink()
        given = {"VLLM_REPORT_DIR": str(self.reports), **(env or {})}
        done = play(self.lab, playbook, "-i", str(self.folder), *words, env=given, timeout=timeout)
        if playbook == "deploy.yml" and done.code == 0 and "--check" not in words and self.registers:
            assert self.differences() == []
        return done

    @property
    def reports(self) -> pathlib.Path:
        return self.folder.parent / "reports"

    def outcome(self, model: str, environment: str = "development") -> dict[str, t.Any]:
        """How the last run ended for the model, as it was reported: result, code, serving and so on."""
        return t.cast(dict[str, t.Any], json.loads((self.reports / f"{model}-{environment}.json").read_text()))

    def outcomes(self) -> list[dict[str, t.Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.reports.rglob("*.json"))]

    def differences(self) -> list[dict[str, t.Any]]:
        """What reconcile reports of this site's models."""
        hosts = list(yaml.safe_load((self.folder / "hosts.yml").read_text())["vllm_models"]["hosts"])
        options = {"environment": "development", "namespaces": [self.namespace], "model": hosts, "fail_on": [], "attempts": 2, "pause": 0.5}
        ran = module("vllm_registry_reconcile", options, env={**environment(self.lab), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"})
        assert ran.code == 0, ran.tail
        return t.cast(list[dict[str, t.Any]], result(ran)["differences"])

    def live(self, model: str, kind: str = "deployment", *, release: str = "") -> dict[str, t.Any]:
        """The object of the model's release as the cluster has it."""
        text = self.lab.kubectl("get", kind, release or f"{model}-development", "-n", self.namespace, "-o", "json").stdout
        return t.cast(dict[str, t.Any], json.loads(text))

    def pods(self, model: str) -> list[dict[str, t.Any]]:
        """The pods of the model's release that are not on their way out."""
        label = f"app.kubernetes.io/instance={model}-development"
        items = json.loads(self.lab.kubectl("get", "pods", "-l", label, "-n", self.namespace, "-o", "json").stdout)["items"]
        return [item for item in items if "deletionTimestamp" not in item["metadata"]]

    def start(self, *words: str, env: t.Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The same, left running, in a process group of its own."""
        command = ["ansible-playbook", str(ROOT / "deploy.yml"), "-i", str(self.folder), *words]
        return subprocess.Popen(
            command, cwd=ROOT, env={**environment(self.lab), **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def rows(self, model: str) -> list[dict[str, t.Any]]:
        return rows(self.lab, model)

    def ready(self, model: str) -> dict[str, t.Any]:
        """The one row of the model that routers may send to."""
        (row,) = [row for row in self.rows(model) if row["deployment_status"] == "ready"]
        return row

    def objects(self) -> dict[str, str]:
        """Kind and name of everything a deploy could write, to its resourceVersion."""
        kinds = "deployments,services,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,leases,configmaps,replicasets"
        listed = json.loads(self.lab.kubectl("get", kinds, "-n", self.namespace, "-o", "json", who="admin").stdout)
        return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in listed["items"]}

    def helm_revisions(self, model: str) -> list[dict[str, t.Any]]:
        command = [str(self.lab.bin / "helm3"), "history", f"{model}-development", "-n", self.namespace, "-o", "json"]
        done = subprocess.run(command, env=environment(self.lab), capture_output=True, text=True, timeout=60, check=False)
        return t.cast(list[dict[str, t.Any]], json.loads(done.stdout)) if done.returncode == 0 else []


def play(lab: RunningLab, playbook: str, *words: str, env: dict[str, str] | None = None, timeout: float = 240) -> Ran:
    return run("ansible-playbook", str(ROOT / playbook), *words, env=environment(lab) | (env or {}), timeout=timeout)


def environment(lab: RunningLab) -> dict[str, str]:
    """The variables of `lab env`, with the Helm of this line of the matrix found as ``helm``."""
    given = lab.environ()
    # The playbooks must find the collection by themselves, as from a checkout.
    given.pop("ANSIBLE_COLLECTIONS_PATH", None)
    if shutil.which("helm", path=os.environ.get("PATH")) is None:
        raise RuntimeError('no helm on PATH: run this through make test, or after eval "$(make -s env)"')
    return given


def rows(lab: RunningLab, model: str) -> list[dict[str, t.Any]]:
    query = "SELECT xmin::text AS xmin, * FROM model_registry_entries WHERE model_name = %s ORDER BY deployment_created_at"
    with psycopg.connect(**lab.database("reader")) as connection:
        cursor = connection.execute(query, (model,))
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _merged(below: dict[str, t.Any], above: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: _merged(below[name], above[name]) if isinstance(below.get(name), dict) and isinstance(above.get(name), dict) else above.get(name, below.get(name))
        for name in below | above
    }


@pytest.fixture(scope="session")
def schema(lab: RunningLab) -> None:
    """The registry's tables, made by our own playbook as the migrator; each worker comes here."""
    with one_at_a_time(lab.layout):
        done = play(lab, "playbooks/registry_schema.yml", env=lab.env("migrator"))
    assert done.code == 0, done.text


@pytest.fixture
def site(lab: RunningLab, schema: None, make_namespace: MakeNamespace, tmp_path: pathlib.Path) -> Site:
    name = make_namespace()
    folder = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories" / "development", folder)
    shutil.rmtree(folder / "host_vars")
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["vllm_models"]["hosts"] = {}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "group_vars" / "all" / "site.yml").write_text(yaml.safe_dump({"vllm_namespace": name, "vllm_lock_duration": 10, "vllm_values": {}}))
    return Site(lab, name, folder)
