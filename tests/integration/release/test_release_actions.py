"""Plan, apply, roll back and the release lock, one by one as in somebody else's playbook."""

from __future__ import annotations

import base64
import getpass
import gzip
import json
import pathlib
import shutil
import subprocess
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.release._guard import PERMISSIONS

from lab.testing import MakeNamespace, RunningLab
from tests import ansible

Json = dict[str, t.Any]
CHART = pathlib.Path(__file__).resolve().parents[3] / "charts" / "vllm-deployment"
VALUES: Json = {"environment": "development", "model": {"source": "org/m", "servedName": "m", "size": "small"}, "replicas": 0}


class Tasks:
    """Runs tasks against one namespace, and gives back their results."""

    def __init__(self, lab: RunningLab, namespace: str, folder: pathlib.Path) -> None:
        self.lab = lab
        self.namespace = namespace
        self._folder = folder

    def run(self, *tasks: Json, check: bool = False, env: dict[str, str] | None = None) -> list[Json]:
        return ansible.tasks(*tasks, folder=self._folder, env=self.lab.environ() | (env or {}), check=check)

    def plan(self, **options: t.Any) -> Json:
        where = {"name": "m-development", "namespace": self.namespace, "chart_ref": str(CHART), "values": VALUES}
        return {"inference.vllm.vllm_release_plan": {**where, **options}, "register": "plan"}

    def release(self, **options: t.Any) -> Json:
        """What a plan names needs no other name."""
        where = {} if "plan" in options else {"name": "m-development", "namespace": self.namespace}
        return {"inference.vllm.vllm_release": {**where, **options}}

    def present(self) -> Json:
        return self.release(plan="{{ plan }}")

    def history(self) -> list[Json]:
        command = [str(self.lab.bin / "helm3"), "history", "m-development", "-n", self.namespace, "-o", "json"]
        done = subprocess.run(command, env=self.lab.environ(), capture_output=True, text=True, timeout=60, check=False)
        return t.cast(list[Json], json.loads(done.stdout)) if done.returncode == 0 else []


@pytest.fixture
def tasks(lab: RunningLab, make_namespace: MakeNamespace, tmp_path: pathlib.Path) -> Tasks:
    return Tasks(lab, make_namespace(), tmp_path)


def scaled(number: int) -> Json:
    return {**VALUES, "engine": {"maxNumSeqs": number}}


def test_install_again_modify_and_roll_back(tasks: Tasks) -> None:
    predicted, would = tasks.run(tasks.plan(), tasks.present(), check=True)
    assert (predicted["change"], predicted["code"], predicted["changed"]) == ("install", "not_installed", False)
    assert would["changed"]
    assert "kind: Deployment" in would["diff"]["after"]
    assert tasks.history() == []

    _plan, installed = tasks.run(tasks.plan(), tasks.present())
    assert (installed["changed"], installed["release_revision"]) == (True, 1)
    plan, again = tasks.run(tasks.plan(), tasks.present())
    assert (plan["change"], again["changed"], again["release_revision"]) == ("none", False, 1)

    plan, modified = tasks.run(tasks.plan(values=scaled(3)), tasks.present())
    assert [(one["action"], one["kind"], one["name"]) for one in plan["changes"]] == [("change", "Deployment", "m-development")]
    assert (modified["changed"], modified["release_revision"]) == (True, 2)

    back = tasks.release(state="rolled_back", release_revision=1)
    assert tasks.run(back, check=True)[0]["changed"]
    assert len(tasks.history()) == 2
    rolled, repeated = tasks.run(back, back)
    assert (rolled["changed"], rolled["release_revision"]) == (True, 3)
    assert not repeated["changed"]
    assert tasks.run(tasks.plan())[0]["change"] == "none"


def test_a_revision_that_looks_like_a_number_stays_a_text(tasks: Tasks) -> None:
    plan = tasks.plan(revision="12e456789012", values={**VALUES, "engine": {"extraArgs": ["--override-generation-config", "1e3"]}})
    _plan, installed = tasks.run(plan, tasks.present())
    assert installed["changed"], installed
    assert tasks.run(plan)[0]["change"] == "none"
    live = tasks.lab.client().get(f"/apis/apps/v1/namespaces/{tasks.namespace}/deployments/m-development")
    assert live["metadata"]["labels"]["inference.vllm/revision"] == "12e456789012"
    assert live["spec"]["template"]["spec"]["containers"][0]["args"][-1] == "1e3"


def test_an_edited_template_is_a_change_although_the_charts_version_is_the_same(tasks: Tasks, tmp_path: pathlib.Path) -> None:
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    plan = tasks.plan(chart_ref=str(chart))
    first, _installed = tasks.run(plan, tasks.present())
    service = chart / "templates" / "service.yaml"
    service.write_text(service.read_text() + "\n# a comment only\n")
    with (chart / "templates" / "extra.yaml").open("w") as extra:
        extra.write("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n")
    changed, applied = tasks.run(plan, tasks.present())
    assert [(one["action"], one["kind"]) for one in changed["changes"]] == [("create", "ConfigMap"), ("change", "Deployment")]
    assert changed["bundle"] != first["bundle"]
    assert applied["release_revision"] == 2


@pytest.mark.parametrize(("status", "revisions"), [("pending-install", 1), ("pending-upgrade", 2), ("pending-rollback", 2)])
def test_a_release_that_an_interrupted_helm_left_pending_is_recovered(tasks: Tasks, status: str, revisions: int) -> None:
    tasks.run(tasks.plan(), tasks.present())
    if revisions == 2:
        tasks.run(tasks.plan(values=scaled(3)), tasks.present())
        leave(tasks, 1, "deployed")
    leave(tasks, revisions, status)
    plan, applied = tasks.run(tasks.plan(values=scaled(4)), tasks.present())
    assert (plan["code"], plan["forget"]) == ("interrupted", [revisions])
    assert applied["changed"], applied
    assert tasks.history()[-1]["status"] == "deployed"
    assert tasks.run(tasks.plan(values=scaled(4)))[0]["change"] == "none"


def leave(tasks: Tasks, number: int, status: str) -> None:
    """Rewrites a release record as a killed Helm leaves it."""
    admin, name = tasks.lab.client("admin"), f"sh.helm.release.v1.m-development.v{number}"
    secret = admin.get(f"/api/v1/namespaces/{tasks.namespace}/secrets/{name}")
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    record["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    admin.patch(f"/api/v1/namespaces/{tasks.namespace}/secrets/{name}", {"data": {"release": packed}, "metadata": {"labels": {"status": status}}})


def test_a_release_that_moved_after_it_was_planned_is_refused(tasks: Tasks) -> None:
    mine = {**tasks.plan(), "register": "mine"}
    others = tasks.plan(values=scaled(5))
    results = tasks.run(mine, others, tasks.present(), tasks.release(plan="{{ mine }}"))
    assert results[2]["changed"]
    assert results[3]["failed"]
    assert results[3]["code"] == "release_changed"
    assert "revision 0 -> 1" in results[3]["msg"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"name": "vllm"}, "bad_release_name", "which vLLM takes for its own settings"),
        ({"name": "UPPER"}, "bad_release_name", "vllm_release"),
        ({"name": "1-b"}, "bad_release_name", "starting with a letter"),
        ({"chart_ref": "oci://registry/chart"}, "remote_chart", "pull it first"),
        ({"chart_ref": "/nowhere"}, "invalid_input", "Chart.yaml is missing"),
        ({"values": {**VALUES, "noSuchValue": 1}}, "helm_failed", "noSuchValue"),
        ({"values": {**VALUES, "apiKey": {"existingSecret": {"name": "gone", "key": "k"}}}}, "secret_missing", "apiKey.existingSecret"),
        (
            {"values": {**VALUES, "apiKey": {"existingSecret": {"name": "vllm-api-key", "key": "other"}}}},
            "secret_missing",
            "has no key other (it has: api-key)",
        ),
        ({"binary_path": "/nowhere/helm"}, "invalid_input", "install Helm 3 or 4"),
        ({"namespace": "no-such-namespace"}, "namespace_missing", "no-such-namespace"),
    ],
)
def test_what_cannot_be_deployed_is_refused_in_words(tasks: Tasks, options: Json, code: str, words: str) -> None:
    (result,) = tasks.run(tasks.plan(**options))
    assert result["failed"]
    assert result["code"] == code
    assert words in result["msg"]


def test_an_object_of_argo_cd_is_left_alone(tasks: Tasks) -> None:
    tasks.run(tasks.plan(), tasks.present())
    mark = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "models:apps/Deployment:x/m"}}}
    tasks.lab.client("admin").patch(f"/apis/apps/v1/namespaces/{tasks.namespace}/deployments/m-development", mark)
    (result,) = tasks.run(tasks.plan())
    assert result["code"] == "argocd_owner"
    assert "models:apps/Deployment:x/m" in result["msg"]


def test_a_revision_that_was_never_there_cannot_be_rolled_back_to(tasks: Tasks) -> None:
    tasks.run(tasks.plan(), tasks.present())
    (result,) = tasks.run(tasks.release(state="rolled_back", release_revision=7))
    assert result["code"] == "revision_missing"
    assert "(kept: 1)" in result["msg"]


def test_an_account_that_may_only_look_is_told_every_rule_it_lacks(tasks: Tasks) -> None:
    viewer = tasks.lab.env("viewer")
    (result,) = tasks.run(tasks.plan(), env={name: viewer[name] for name in ("KUBECONFIG", "K8S_AUTH_KUBECONFIG")})
    assert result["code"] == "forbidden"
    lacks = [permission.words(tasks.namespace) for permission in PERMISSIONS if permission.verb not in ("get", "list") or permission.resource == "secrets"]
    assert [words for words in lacks if words not in result["msg"]] == []


def test_the_lock_is_acquired_renewed_and_released_and_check_mode_only_looks(tasks: Tasks) -> None:
    def locked(state: str) -> Json:
        return {"inference.vllm.vllm_lock": {"name": "m-development", "namespace": tasks.namespace, "state": state, "reason": "test"}}

    (looked,) = tasks.run(locked("acquired"), check=True)
    assert looked["holder"] == ""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{tasks.namespace}/leases"
    assert tasks.lab.client().items(path) == []
    seen = {**locked("acquired"), "check_mode": True}
    results = tasks.run(locked("acquired"), locked("acquired"), seen, locked("renewed"), locked("released"), locked("released"))
    assert getpass.getuser() in results[2]["holder"]
    assert [result.get("was_ours") for result in results[4:]] == [True, False]
    assert not any(result["changed"] for result in results)
    (lost,) = tasks.run(locked("renewed"))
    assert lost["code"] == "lock_lost"
    (lease,) = tasks.lab.client().items(path)
    assert lease["spec"]["holderIdentity"] == ""
