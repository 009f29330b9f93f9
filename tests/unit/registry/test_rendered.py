"""What a release is, read from what Helm recorded, not computed."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry._rendered import rendered

from tests.unit.registry.manifest import MANIFEST


def of(manifest: str = MANIFEST, values: dict[str, t.Any] | None = None) -> t.Any:
    return rendered(manifest, "m-staging", "staging", values or {})


def test_everything_is_read_from_the_manifest() -> None:
    found = of(values={"service": {"port": 1}, "replicas": 7, "environment": "production", "model": {"servedName": "x"}})
    assert (found.endpoint, found.model, found.environment) == ("m-staging.staging.svc.cluster.local:8000", "m", "staging")
    assert (found.revision, found.bundle, found.replicas) == ("a", "sha256:aa", 2)


def test_port_and_domain_are_the_services_own() -> None:
    assert of(MANIFEST.replace("port: 8000", "port: 9000")).endpoint.endswith(":9000")
    plain = "  namespace: staging\nspec:\n  selector"
    annotated = MANIFEST.replace(plain, plain.replace("spec", "  annotations: {inference.vllm/cluster-domain: a.example}\nspec", 1))
    assert of(annotated).endpoint == "m-staging.staging.svc.a.example:8000"
    assert of(annotated, {"service": {"clusterDomain": "b.example"}}).endpoint == "m-staging.staging.svc.a.example:8000"
    assert of(values={"service": {"clusterDomain": "b.example"}}).endpoint == "m-staging.staging.svc.b.example:8000"


def test_replicas_that_are_left_to_an_autoscaler_are_not_known_and_none_are_none() -> None:
    assert of(MANIFEST.replace("  replicas: 2\n", "")).replicas is None
    assert of(MANIFEST.replace("replicas: 2", "replicas: 0")).replicas == 0


@pytest.mark.parametrize("args", ["[org/model, --served-model-name=m]", "[--served-model-name, m]"])
def test_the_first_served_name_is_the_model(args: str) -> None:
    assert of(MANIFEST.replace("[org/model, --served-model-name, m, other, --max-model-len=4096]", args)).model == "m"
    assert of(MANIFEST.replace("--served-model-name, m, other, ", "")).model == ""


@pytest.mark.parametrize("manifest", ["", "- a list", "kind: Deployment", "x: [", "kind: Service\nmetadata: {name: m-staging}\nspec: {}"])
def test_a_manifest_that_is_none_of_ours_says_nothing(manifest: str) -> None:
    assert (of(manifest).endpoint, of(manifest).model) == ("", "")
