"""What is refused before anything is changed, and what the operator must be allowed."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import NotFound
from ansible_collections.inference.vllm.plugins.module_utils.release import _autoscaler as autoscaler
from ansible_collections.inference.vllm.plugins.module_utils.release import _guard as guard
from ansible_collections.inference.vllm.plugins.module_utils.release import _planner as planner
from ansible_collections.inference.vllm.plugins.module_utils.release import _preflight as preflight
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.release._build import Json, deployment

DEPLOY = guard.Permission("create", "apps", "deployments")
FORWARD = guard.Permission("create", "", "pods/portforward")


def rule(verbs: list[str], groups: list[str], resources: list[str], names: list[str] | None = None) -> Json:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources, **({"resourceNames": names} if names else {})}


@pytest.mark.parametrize(
    ("given_rule", "permission", "allowed"),
    [
        (rule(["create"], ["apps"], ["deployments"]), DEPLOY, True),
        (rule(["*"], ["*"], ["*"]), DEPLOY, True),
        (rule(["*"], ["*"], ["*"]), FORWARD, True),
        (rule(["get"], ["apps"], ["deployments"]), DEPLOY, False),
        (rule(["create"], [""], ["deployments"]), DEPLOY, False),
        (rule(["create"], ["apps"], ["deployments"], ["m"]), DEPLOY, False),
        (rule(["create"], ["apps"], ["deployments/scale"]), DEPLOY, False),
        (rule(["create"], [""], ["pods"]), FORWARD, False),
        (rule(["create"], [""], ["pods/portforward"]), FORWARD, True),
        (rule(["create"], [""], ["*/portforward"]), FORWARD, True),
        (rule(["create"], ["apps"], ["*/portforward"]), DEPLOY, False),
        (rule(["create"], [""], ["pods/*"]), FORWARD, False),
        ({}, DEPLOY, False),
        ({"verbs": None, "apiGroups": None, "resources": None}, DEPLOY, False),
    ],
)
def test_a_rule_allows_what_the_api_server_would_allow_by_it(given_rule: Json, permission: guard.Permission, allowed: bool) -> None:
    assert (guard.denied([permission], [given_rule]) == []) == allowed


def test_verb_group_and_resource_must_be_allowed_by_one_rule_and_not_by_three() -> None:
    rules = [rule(["create"], [""], ["pods"]), rule(["get"], ["apps"], ["deployments"])]
    assert guard.denied([DEPLOY], rules) == [DEPLOY]


@given(st.sets(st.sampled_from([("apps", "deployments"), ("", "services"), ("policy", "poddisruptionbudgets")])))
def test_every_rendered_kind_needs_what_helm_does_with_it(resources: set[tuple[str, str]]) -> None:
    needed = guard.of_objects(resources)
    assert {(one.group, one.resource) for one in needed} == resources
    assert {one.verb for one in needed} == ({"get", "create", "update", "patch"} if resources else set())


@pytest.mark.parametrize(
    "needed",
    [("create", "", "pods/portforward"), ("delete", "", "secrets"), ("update", "coordination.k8s.io", "leases"), ("list", "", "events")],
)
def test_what_a_run_does_beside_the_rendered_objects_is_asked_for(needed: tuple[str, str, str]) -> None:
    assert guard.Permission(*needed) in guard.PERMISSIONS


def test_all_that_is_denied_is_in_one_sentence_with_its_place() -> None:
    sentence = guard.denied_sentence([DEPLOY, guard.Permission("list", "", "nodes", namespaced=False)], "staging")
    assert "create deployments.apps in namespace staging, list nodes cluster-wide" in sentence


class Api:
    """Answers by path; what is not there is 404. ``may`` decides the single reviews."""

    def __init__(self, objects: dict[str, Json], rules: list[Json], may: t.Callable[[Json], bool] = lambda _asked: False) -> None:
        self.objects = objects
        self.rules = rules
        self.may = may
        self.asked: list[Json] = []

    def get(self, path: str) -> Json:
        if path not in self.objects:
            raise NotFound("not there", status=404)
        return self.objects[path]

    def create(self, path: str, body: Json) -> Json:
        if path.endswith("selfsubjectrulesreviews"):
            return {"status": {"resourceRules": self.rules}}
        attributes = body["spec"]["resourceAttributes"]
        self.asked.append(attributes)
        return {"status": {"allowed": self.may(attributes)}}


EVERYTHING = [rule(["*"], ["*"], ["*"])]
NAMESPACE = {"/api/v1/namespaces/ns": {"status": {"phase": "Active"}}}
SECRETS = (guard.SecretReference("apiKey.existingSecret", "gone", "k"), guard.SecretReference("hfToken.existingSecret", "there", "other"))


def refused(api: Api, secrets: t.Sequence[guard.SecretReference] = ()) -> preflight.PreflightError:
    with pytest.raises(preflight.PreflightError) as found:
        preflight.before_plan(t.cast(t.Any, api), "ns", "m", secrets)
    return found.value


def test_whoever_may_everything_and_has_everything_is_not_refused() -> None:
    api = Api(NAMESPACE, EVERYTHING, may=lambda _asked: True)
    preflight.before_plan(t.cast(t.Any, api), "ns", "m", ())
    assert [(asked["verb"], asked["resource"]) for asked in api.asked] == [("list", "nodes"), ("list", "pods")]


def test_what_a_role_of_the_namespace_grants_is_not_granted_in_the_cluster() -> None:
    assert "list nodes cluster-wide" in refused(Api(NAMESPACE, EVERYTHING, may=lambda asked: asked["resource"] != "nodes")).result["problems"][0]["message"]


def test_an_authorizer_that_lists_no_rules_is_asked_one_by_one() -> None:
    api = Api(NAMESPACE, [], may=lambda _asked: True)
    preflight.before_plan(t.cast(t.Any, api), "ns", "m", ())
    assert len(api.asked) == len(guard.PERMISSIONS)
    assert {"verb": "create", "group": "", "resource": "pods", "subresource": "portforward", "namespace": "ns"} in api.asked
    assert {"verb": "list", "group": "", "resource": "nodes", "subresource": ""} in api.asked


@pytest.mark.parametrize("objects", [{}, {"/api/v1/namespaces/ns": {"status": {"phase": "Terminating"}}}])
def test_the_missing_namespace_is_told_first_and_alone(objects: dict[str, Json]) -> None:
    error = refused(Api(objects, []), SECRETS)
    assert [problem["code"] for problem in error.result["problems"]] == ["namespace_missing"]


def test_everything_that_stands_in_the_way_is_told_at_once() -> None:
    there = {
        **NAMESPACE,
        "/api/v1/namespaces/ns/secrets/there": {"data": {"key": ""}},
        "/apis/apps/v1/namespaces/ns/deployments/m": {"metadata": {"annotations": {preflight.ARGO_CD_OWNER: "app"}}},
    }
    error = refused(Api(there, []), SECRETS)
    assert [problem["code"] for problem in error.result["problems"]] == ["forbidden", "argocd_owner", "secret_missing", "secret_missing"]
    assert error.code == "forbidden"


def test_the_permissions_for_the_very_objects_are_asked_for_when_they_are_rendered() -> None:
    api = Api(NAMESPACE, [rule(["*"], ["apps"], ["deployments"])])
    rendered = {("Deployment", "m"): deployment(), ("Service", "m"): {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}}}
    with pytest.raises(preflight.PreflightError) as found:
        preflight.of_rendered(t.cast(t.Any, api), "ns", rendered)
    assert {asked["resource"] for asked in api.asked} == {"services"}
    assert found.value.code == "forbidden"


@pytest.mark.parametrize("revision", ["has space", "-a", "a" * 64, "a/b", "a\n"])
def test_a_revision_that_fits_into_no_label_is_refused(revision: str) -> None:
    with pytest.raises(InputError, match="vllm_revision") as found:
        guard.check_revision(revision)
    assert found.value.code == "bad_revision"


@pytest.mark.parametrize("revision", ["", "a", "12e456789012", "v1.2_3-rc"])
def test_a_revision_that_fits_is_not_refused(revision: str) -> None:
    guard.check_revision(revision)


def test_helm_2_is_refused_and_helm_3_and_4_are_not() -> None:
    with pytest.raises(InputError, match="install Helm 3 or 4"):
        guard.check_helm((2, 17, 0))
    guard.check_helm((3, 21, 4))
    guard.check_helm((4, 2, 3))


@pytest.mark.parametrize("chart", ["oci://registry.example.com/chart", "https://example.com/c.tgz", "http://example.com/c.tgz"])
def test_a_remote_chart_is_refused_since_it_has_no_digest(chart: str) -> None:
    with pytest.raises(InputError) as found:
        planner.refuse(planner.ReleaseRequest("m", "ns", chart, {}))
    assert found.value.code == "remote_chart"


@pytest.mark.parametrize(
    "values", [{}, {"apiKey": None}, {"apiKey": {"existingSecret": None}}, {"apiKey": {"existingSecret": {}}, "hfToken": {"existingSecret": {"key": "k"}}}]
)
def test_values_that_name_no_secret_need_none(values: Json) -> None:
    assert guard.secret_references(values) == []


def test_secrets_are_found_by_the_values_that_name_them() -> None:
    values = {"apiKey": {"existingSecret": {"name": "a", "key": "k"}}, "hfToken": {"existingSecret": {"name": "b"}}}
    assert guard.secret_references(values) == [
        guard.SecretReference("apiKey.existingSecret", "a", "k"),
        guard.SecretReference("hfToken.existingSecret", "b", ""),
    ]


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        (None, 0),
        ({}, 0),
        ({"cpu": "4", "memory": "8Gi"}, 0),
        ({"nvidia.com/gpu": "4"}, 4),
        ({"nvidia.com/gpu": 4}, 4),
        ({"nvidia.com/mig-1g.10gb": "2", "memory": "8"}, 2),
        ({"amd.com/gpu": "8", "cpu": "9"}, 8),
        ({"hugepages-2Mi": "512", "ephemeral-storage": "100"}, 0),
    ],
)
def test_the_gpus_of_a_pod_are_its_extended_resources(limits: t.Any, gpus: int) -> None:
    obj = deployment(resources={"limits": limits} if limits is not None else {})
    assert planner.gpus(obj["spec"]["template"]) == gpus


def test_the_gpus_of_all_containers_count() -> None:
    template = deployment()["spec"]["template"]
    template["spec"]["containers"].append({"name": "second", "resources": {"limits": {"nvidia.com/gpu": "2"}}})
    assert planner.gpus(template) == 3


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ({"scaleTargetRef": {"kind": "Deployment", "name": "m"}}, True),
        ({"scaleTargetRef": {"name": "m"}}, True),
        ({"scaleTargetRef": {"kind": "StatefulSet", "name": "m"}}, False),
        ({"scaleTargetRef": {"kind": "Deployment", "name": "m2"}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_an_autoscaler_owns_the_replicas_of_the_deployment_that_it_targets(spec: t.Any, meant: bool) -> None:
    assert autoscaler.targets({"metadata": {"name": "a"}, "spec": spec}, "m") == meant


def test_values_that_two_files_and_the_request_give_are_as_helm_will_record_them(tmp_path: t.Any) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("engine: {gpuMemoryUtilization: 1.0, seed: 1}\n")
    second.write_text("engine: {seed: 2}\n")
    request = planner.ReleaseRequest("m", "ns", "/chart", {"replicas": 2.0}, (str(first), str(second)))
    assert repr(planner.given_values(request)) == repr({"engine": {"gpuMemoryUtilization": 1, "seed": 2}, "replicas": 2})
