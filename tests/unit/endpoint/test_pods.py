"""Of what a verification is evidence: read from the pods that were verified and their owners, never from the options."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Forbidden, NotFound
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _pods
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._errors import UnknownError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._pods import Place

Json = dict[str, t.Any]
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PODS, APPS = "/api/v1/namespaces/staging", "/apis/apps/v1/namespaces/staging"


class Cluster:
    """A Deployment with an old and a new ReplicaSet, a pod of each, and a Service over both, as an API server returns them."""

    def __init__(self, *, denied: str = "") -> None:
        self.denied = denied
        self.pods = [pod("old-x", "old"), pod("new-y", "new")]
        self.replica_sets = [replica_set("old", "1", OLD), replica_set("new", "2", OLD)]
        self.deployment: Json = {
            "metadata": {
                "name": "llama-3-8b-staging",
                "namespace": "staging",
                "uid": "deployment",
                "generation": 2,
                "annotations": {"deployment.kubernetes.io/revision": "2", "inference.vllm/bundle": NEW},
            },
            "spec": {"selector": {"matchLabels": {"app.kubernetes.io/instance": "llama-3-8b-staging"}}, "template": {"spec": {"containers": ["new"]}}},
            "status": {"observedGeneration": 2},
        }
        self.asked: list[str] = []

    def get(self, path: str) -> Json:
        self.refuse(path)
        if path.endswith("/services/llama-3-8b-staging"):
            return {"metadata": {"name": "llama-3-8b-staging"}, "spec": {"selector": {"app": "model"}, "ports": [{"name": "http", "port": 8000}]}}
        if path.endswith("/deployments/llama-3-8b-staging"):
            return self.deployment
        for found in self.pods:
            if path.endswith(f"/pods/{found['metadata']['name']}"):
                return found
        raise NotFound(f"{path} does not exist", status=404)

    def items(self, path: str, query: t.Mapping[str, t.Any]) -> list[Json]:
        self.refuse(path)
        found = self.pods if path.endswith("/pods") else self.replica_sets
        wanted = [pair.split("=") for pair in str(query["labelSelector"]).split(",")]
        return [item for item in found if all(item["metadata"]["labels"].get(name) in (value, None) for name, value in wanted)]

    def refuse(self, path: str) -> None:
        self.asked.append(path)
        if self.denied and self.denied in path:
            raise Forbidden(f"{path} may not be read", status=403)


def pod(name: str, template: str) -> Json:
    return {
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/instance": "llama-3-8b-staging", "pod-template-hash": template},
            "ownerReferences": [{"kind": "ReplicaSet", "name": template, "uid": template}],
        },
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8000}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def replica_set(name: str, revision: str, bundle: str) -> Json:
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "labels": {"pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": revision, "inference.vllm/bundle": bundle},
            "ownerReferences": [{"kind": "Deployment", "name": "llama-3-8b-staging", "uid": "deployment"}],
        }
    }


def subject(cluster: Cluster, **options: t.Any) -> Json:
    return _pods.find(t.cast(t.Any, cluster), Place("staging", **options)).subject


NEWEST = {"namespace": "staging", "release": "llama-3-8b-staging", "bundle": NEW, "template_hash": "new", "pods": ["new-y"]}


def test_new_pods_are_evidence_of_the_bundle_of_their_deployment() -> None:
    assert subject(Cluster(), deployment="llama-3-8b-staging", new_only=True) == NEWEST


@pytest.mark.parametrize("options", [{"deployment": "llama-3-8b-staging"}, {"service": "llama-3-8b-staging"}])
def test_pods_of_two_templates_are_evidence_of_neither(options: dict[str, str]) -> None:
    assert subject(Cluster(), **options) == {**NEWEST, "bundle": "", "template_hash": "", "pods": ["new-y", "old-x"]}


@pytest.mark.parametrize("options", [{"deployment": "llama-3-8b-staging"}, {"service": "llama-3-8b-staging"}])
def test_old_pods_are_evidence_of_the_bundle_that_they_were_made_for(options: dict[str, str]) -> None:
    cluster = Cluster()
    del cluster.pods[1]
    assert subject(cluster, **options) == {**NEWEST, "bundle": OLD, "template_hash": "old", "pods": ["old-x"]}


@pytest.mark.parametrize("options", [{"service": "llama-3-8b-staging"}, {"pod": "new-y"}])
def test_the_bundle_of_pods_that_no_deployment_was_named_for_is_found_by_their_owners(options: dict[str, str]) -> None:
    cluster = Cluster()
    del cluster.pods[0]
    assert subject(cluster, **options) == NEWEST


def test_a_pod_that_carries_its_bundle_needs_no_owner() -> None:
    cluster = Cluster(denied="/replicasets")
    cluster.pods[1]["metadata"]["annotations"] = {"inference.vllm/bundle": OLD}
    assert subject(cluster, pod="new-y")["bundle"] == OLD
    assert not [path for path in cluster.asked if "replicasets" in path]


def test_who_may_not_read_the_owners_still_verifies_and_claims_no_bundle() -> None:
    assert subject(Cluster(denied="/replicasets"), pod="new-y") == {**NEWEST, "bundle": ""}


def test_pods_without_labels_are_evidence_of_their_names_alone() -> None:
    cluster = Cluster()
    bare = cluster.pods[1]
    bare["metadata"]["labels"], bare["metadata"]["ownerReferences"] = {}, []
    assert subject(cluster, pod="new-y") == {"namespace": "staging", "release": "", "bundle": "", "template_hash": "", "pods": ["new-y"]}


def test_behind_a_service_are_its_ready_pods_as_far_as_they_may_be_read() -> None:
    place = Place("staging", service="llama-3-8b-staging")
    cluster = Cluster()
    del cluster.pods[0]
    assert _pods.behind(t.cast(t.Any, cluster), place) == NEWEST
    assert _pods.behind(t.cast(t.Any, Cluster(denied="/services/")), place) == {"namespace": "staging"}


def test_a_deployment_whose_change_the_controller_has_not_seen_has_no_new_pods() -> None:
    cluster = Cluster()
    cluster.deployment["metadata"]["generation"] = 3
    with pytest.raises(UnknownError) as caught:
        subject(cluster, deployment="llama-3-8b-staging", new_only=True)
    assert caught.value.code == "no_pods"


def test_pods_are_superseded_by_another_template_and_by_nothing_less() -> None:
    cluster = Cluster()
    client, before = t.cast(t.Any, cluster), Cluster().deployment
    cluster.deployment["spec"]["replicas"] = 5
    cluster.deployment["metadata"]["annotations"]["note"] = "scaled"
    assert not _pods.superseded(client, before)
    cluster.deployment["spec"]["template"] = {"spec": {"containers": ["newer"]}}
    assert _pods.superseded(client, before)
    cluster.deployment = {**before, "metadata": {**before["metadata"], "uid": "another"}}
    assert _pods.superseded(client, before)
