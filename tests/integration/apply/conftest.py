"""One model on the lab, brought to what is asked for by the module's own work, without the seconds that a play takes to start."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import typing as t

import psycopg
import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.apply._module import SPEC, run

from lab.testing import MakeNamespace, RunningLab
from tests.ansible import ROOT
from tests.e2e.conftest import QUICK, schema

__all__ = ["schema"]

Json = dict[str, t.Any]
#: Starts, and says at once that it cannot: the quickest way to fail a rollout.
BROKEN: Json = {"extraArgs": ["--no-such-flag"]}


@dataclasses.dataclass
class Model:
    """A model of its own name and namespace. ``apply`` takes the options of vllm_apply, laid over a small model."""

    lab: RunningLab
    namespace: str
    name: str
    said: list[str] = dataclasses.field(default_factory=list)

    @property
    def release(self) -> str:
        return f"{self.name}-development"

    def options(self, **more: t.Any) -> Json:
        small = {
            "model": self.name,
            "environment": "development",
            "namespace": self.namespace,
            "chart_ref": str(ROOT / "charts" / "vllm-deployment"),
            "values_files": [str(ROOT / "charts" / "vllm-deployment" / "values-development.yaml")],
            "model_options": {"source": "org/small", "revision": "abc", "size": "small"},
            "image": {"repository": "vllm/vllm-openai", "tag": "v0.32.0"},
            "resources": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            # No GPU: other tests of the same lab use them up on purpose.
            "values": {**QUICK, "gpu": {"count": 0}, "shm": {"sizeLimit": "128Mi"}, **more.pop("values", {})},
            "allow_downtime": True,
            # A claim that the release makes itself is not there yet when its capacity is asked for.
            "capacity_fail_on": ["fail"],
            "lock_duration": 10,
            "lock_wait_timeout": 60.0,
            "drain_timeout": 5.0,
            "wait_sleep": 0.3,
        }
        return SPEC.complete({**small, **more}, os.environ)

    def apply(self, *, check_mode: bool = False, **options: t.Any) -> Json:
        """The module's result; a refusal is one with ``failed`` and its ``code``, as both front doors make it."""
        context = Context(check_mode=check_mode, say=self.said.append, pid=os.getpid(), host=self.name)
        try:
            return run(self.options(**options), context)
        except Error as error:
            return {**error.result, "failed": True, "code": error.code, "msg": str(error)}

    def deployed(self, **options: t.Any) -> Json:
        """The outcome of a run that must work."""
        done = self.apply(**options)
        assert not done.get("failed"), done["msg"]
        return t.cast(Json, done["outcome"])

    def kubectl(self, *words: str, who: str = "operator", check: bool = True) -> str:
        return self.lab.kubectl(*words, "-n", self.namespace, who=who, check=check).stdout

    def live(self, kind: str = "deployment", name: str = "") -> Json:
        return t.cast(Json, json.loads(self.kubectl("get", kind, name or self.release, "-o", "json")))

    def pods(self) -> dict[str, Json]:
        """Pods that are not on their way out, by name."""
        items = json.loads(self.kubectl("get", "pods", "-l", f"app.kubernetes.io/instance={self.release}", "-o", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items if "deletionTimestamp" not in item["metadata"]}

    def ready(self) -> int:
        conditions = (pod["status"].get("conditions") or [] for pod in self.pods().values())
        return sum(any(one["type"] == "Ready" and one["status"] == "True" for one in found) for found in conditions)

    def rows(self) -> list[Json]:
        query = "SELECT * FROM model_registry_entries WHERE model_name = %s ORDER BY deployment_created_at"
        with psycopg.connect(**self.lab.database("reader")) as connection:
            cursor = connection.execute(query, (self.name,))
            names = [column.name for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def statuses(self) -> list[str]:
        return [row["deployment_status"] for row in self.rows()]

    def history(self) -> list[Json]:
        done = subprocess.run(self.helm_command("history", self.release, "-o", "json"), capture_output=True, text=True, timeout=60, check=False)
        return t.cast(list[Json], json.loads(done.stdout)) if done.returncode == 0 else []

    def helm(self, *words: str) -> None:
        subprocess.run(self.helm_command(*words), capture_output=True, text=True, timeout=60, check=True)

    def helm_command(self, *words: str) -> list[str]:
        return [str(self.lab.bin / "helm3"), *words, "-n", self.namespace, "--kubeconfig", str(self.lab.kubeconfig())]


@pytest.fixture
def model(lab: RunningLab, schema: None, make_namespace: MakeNamespace, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Model:
    for name, value in lab.env().items():
        monkeypatch.setenv(name, value)
    namespace = make_namespace()
    return Model(lab, namespace, f"m-{namespace}")


@pytest.fixture
def temporary(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty TMPDIR whose path has a space."""
    folder = tmp_path / "a tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder
