"""The documented manifests grant what the docs say, and nothing more; asked of the real API server, as the user in question."""

from __future__ import annotations

import typing as t

import pytest

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
OBJECTS = (
    ("", "configmaps"),
    ("", "persistentvolumeclaims"),
    ("", "pods"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "deployments"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("batch", "jobs"),
    ("coordination.k8s.io", "leases"),
    ("monitoring.coreos.com", "servicemonitors"),
    ("monitoring.coreos.com", "prometheusrules"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
)
READ_ONLY = (
    ("", "events"),
    ("", "resourcequotas"),
    ("", "limitranges"),
    ("apps", "replicasets"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
)
CLUSTER_WIDE = (
    ("", "nodes"),
    ("", "pods"),
    ("", "namespaces"),
    ("", "persistentvolumes"),
    ("node.k8s.io", "runtimeclasses"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceslices"),
    ("scheduling.k8s.io", "priorityclasses"),
    ("storage.k8s.io", "csinodes"),
)
ENVIRONMENTS = ("development", "staging", "production")
Row = tuple[str, str, str, str | None, bool]


def rows(who: str) -> t.Iterator[Row]:
    """verb, group, resource[/sub], namespace (None: all), allowed."""
    operator = who == "operator"
    for namespace in ENVIRONMENTS:
        for group, resource in OBJECTS:
            yield from ((verb, group, resource, namespace, True) for verb in READ)
            yield from ((verb, group, resource, namespace, operator) for verb in WRITE)
        for group, resource in READ_ONLY:
            yield from ((verb, group, resource, namespace, True) for verb in READ)
            yield from ((verb, group, resource, namespace, False) for verb in WRITE)
        yield from ((verb, "", "secrets", namespace, operator) for verb in (*READ, *WRITE))
        yield "get", "", "pods/log", namespace, True
        yield from ((verb, "", "pods/portforward", namespace, operator) for verb in ("get", "create"))
        yield from ((verb, "", "services/proxy", namespace, operator) for verb in ("get", "create"))
        yield from ((verb, "", "pods/exec", namespace, False) for verb in ("get", "create"))
        yield from ((verb, "rbac.authorization.k8s.io", "rolebindings", namespace, False) for verb in ("list", "create", "bind"))
        yield "create", "", "serviceaccounts/token", namespace, False
        yield "impersonate", "", "users", namespace, False
    for group, resource in CLUSTER_WIDE:
        yield from ((verb, group, resource, None, True) for verb in READ)
        yield from ((verb, group, resource, None, False) for verb in WRITE)
    for namespace in ("kube-system", "default"):
        yield "get", "", "secrets", namespace, False
        yield "create", "apps", "deployments", namespace, False
        yield "get", "", "pods/log", namespace, False
        yield "create", "", "pods/portforward", namespace, False
    yield "list", "", "secrets", None, False
    yield "patch", "", "nodes", None, False
    yield "create", "apiextensions.k8s.io", "customresourcedefinitions", None, False


def allowed(api: t.Any, row: Row) -> bool:
    verb, group, resource, namespace, _ = row
    main, _, sub = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": main, "subresource": sub, "namespace": namespace or ""}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    return bool(api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)["status"]["allowed"])


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_the_user_may_exactly_what_is_documented(lab: t.Any, who: str) -> None:
    api = lab.client(who)
    assert [row for row in rows(who) if allowed(api, row) != row[-1]] == []


def test_kubectl_applies_the_manifests_as_documented(lab: t.Any, make_namespace: t.Any) -> None:
    name = make_namespace()
    for who in ("operator", "viewer"):
        manifest = lab.root / "integrations" / "kubernetes" / f"{who}.yaml"
        done = lab.kubectl("apply", "--dry-run=server", "-n", name, "-f", str(manifest), who="admin")
        assert f"rolebinding.rbac.authorization.k8s.io/vllm-{who}" in done.stdout
