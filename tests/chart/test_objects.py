"""The objects around the engine: names, labels, probes, rollout, security, network and disruption."""

from __future__ import annotations

import itertools
import re
import typing as t

import pytest

from tests.chart._render import ENVIRONMENTS, NAMESPACE, RELEASE, Object, Rendered, Values, render, run_helm

#: Values that switch something on or off; pods must be restricted with every pair of them.
SWITCHES: tuple[Values, ...] = (
    {"engine": {"tensorParallelSize": 2}},
    {"cache": {"type": "pvc"}, "rollout": {"strategy": "Recreate"}},
    {"cache": {"type": "existing", "existingClaim": "weights", "accessMode": "ReadWriteMany"}},
    {"securityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}},
    {"securityContext": {"readOnlyRootFilesystem": False}},
    {"probes": {"startup": {"generation": False}}},
    {"drain": {"preStopSeconds": 0}},
    {"shm": {"enabled": True}},
)


def together(one: Values, other: Values) -> Values:
    return {name: {**one.get(name, {}), **other.get(name, {})} for name in sorted({*one, *other})}


def pods(rendered: Rendered) -> list[Object]:
    return [rendered.pod, t.cast(Object, rendered.test_pod["spec"])]


@pytest.mark.parametrize("values", [together(one, other) for one, other in itertools.combinations_with_replacement(SWITCHES, 2)], ids=str)
def test_pods_are_restricted(values: Values) -> None:
    for pod in pods(render(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= {"emptyDir", "persistentVolumeClaim"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_is_called_like_the_release(environment: str) -> None:
    for key, thing in render(environment=environment).objects.items():
        assert key.split("/")[1] in (RELEASE, f"{RELEASE}-test")
        assert thing["metadata"]["namespace"] == NAMESPACE


def test_every_object_says_what_it_is() -> None:
    for key, thing in render(environment="production").objects.items():
        if not key.startswith("Pod/"):
            labels = thing["metadata"]["labels"]
            assert labels["app.kubernetes.io/version"] == "v0.32.0"
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
            assert labels["inference.vllm/model"] == "llama-3-8b"
            assert labels["inference.vllm/environment"] == "production"


SELECTOR = {"app.kubernetes.io/name": "vllm-deployment", "app.kubernetes.io/instance": RELEASE}


@pytest.mark.parametrize("values", [{}, {"podLabels": {"team": "a"}}, {"model": {"servedName": "other"}, "image": {"tag": "v0.31.0"}}], ids=str)
def test_the_selectors_never_change(values: Values) -> None:
    rendered = render(values, environment="production")
    assert rendered.one("Deployment")["spec"]["selector"]["matchLabels"] == SELECTOR
    assert rendered.one("Service")["spec"]["selector"] == SELECTOR
    assert rendered.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == SELECTOR
    assert rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == SELECTOR
    assert SELECTOR.items() <= rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"].items()


def test_the_service_never_sends_to_a_test_pod() -> None:
    labels = render().test_pod["metadata"]["labels"]
    assert not SELECTOR.items() <= labels.items()


def test_a_name_that_is_no_label_is_made_one() -> None:
    labels = render({"model": {"servedName": "meta-llama/Llama 3 (8B)"}}).one("Service")["metadata"]["labels"]
    assert labels["inference.vllm/model"] == "meta-llama-Llama-3-8B"


def test_revision_and_bundle_restart_nothing() -> None:
    marked = render({"release": {"revision": "r7", "bundle": "sha256:" + "a" * 64}}).one("Deployment")
    assert marked["metadata"]["labels"]["inference.vllm/revision"] == "r7"
    assert marked["metadata"]["annotations"]["inference.vllm/bundle"] == "sha256:" + "a" * 64
    assert marked["spec"] == render().one("Deployment")["spec"]


@pytest.mark.parametrize(("size", "threshold"), [("small", 20), ("medium", 20), ("large", 40)])
def test_the_startup_window_follows_the_size(size: str, threshold: int) -> None:
    rendered = render({"model": {"size": size}})
    probe = rendered.container["startupProbe"]
    assert (probe["failureThreshold"], probe["periodSeconds"], probe["timeoutSeconds"]) == (threshold, 30, 10)
    assert rendered.one("Deployment")["spec"]["progressDeadlineSeconds"] == threshold * 30 + 75 + 300


def test_a_given_threshold_widens_window_and_deadline() -> None:
    rendered = render({"probes": {"startup": {"failureThreshold": 100}}, "rollout": {"minReadySeconds": 10}})
    assert rendered.container["startupProbe"]["failureThreshold"] == 100
    assert rendered.one("Deployment")["spec"]["progressDeadlineSeconds"] == 3000 + 75 + 10 + 300


def test_a_server_that_does_not_generate_is_probed_by_its_health() -> None:
    rendered = render({"probes": {"startup": {"generation": False}}})
    assert rendered.container["startupProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert rendered.test_pod["spec"]["containers"][0]["command"][5] == "false"


def test_probes_give_a_busy_server_time() -> None:
    container = render().container
    assert container["readinessProbe"] == {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 10}
    assert container["livenessProbe"] == {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 30, "failureThreshold": 3, "timeoutSeconds": 10}


def test_a_pod_that_goes_is_drained() -> None:
    rendered = render()
    assert rendered.container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "15"]
    assert rendered.pod["terminationGracePeriodSeconds"] == 75
    assert rendered.container["command"] == ["vllm", "serve"], "a shell in between would swallow SIGTERM"


def test_rolling_update_surges_and_recreate_does_not() -> None:
    assert render().one("Deployment")["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert render({"rollout": {"strategy": "Recreate"}}).one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(("replicas", "enabled", "there"), [(1, None, False), (2, None, True), (2, False, False), (1, True, True)])
def test_a_disruption_budget_comes_with_the_second_replica(replicas: int, enabled: bool | None, there: bool) -> None:
    assert ("PodDisruptionBudget" in render({"replicas": replicas, "podDisruptionBudget": {"enabled": enabled}}).kinds) is there


def test_the_network_policy_lets_in_who_is_named_and_the_test() -> None:
    given = {"enabled": True, "from": {"namespaces": ["router", "monitoring"], "cidrs": ["10.0.0.0/8"]}}
    (rule,) = render({"networkPolicy": given}).one("NetworkPolicy")["spec"]["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert rule["from"] == [
        {"podSelector": {"matchLabels": render().test_pod["metadata"]["labels"]}},
        {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["router", "monitoring"]}]}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
    ]


def test_the_network_policy_lets_out_names_and_the_hub() -> None:
    given = {"enabled": True, "to": {"cidrs": [{"cidr": "10.0.0.7/32", "ports": [3128]}]}}
    egress = render({"networkPolicy": given}).one("NetworkPolicy")["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in egress] == [[53, 53, 5353, 5353], [443], [3128]]


def test_a_closed_policy_lets_nothing_out() -> None:
    given = {"enabled": True, "to": {"dnsPorts": [], "https": False}}
    spec = render({"networkPolicy": given}).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert not spec["egress"]


def test_metrics_are_scraped_with_the_labels_that_gates_select_by() -> None:
    assert "ServiceMonitor" not in render().kinds
    rendered = render({"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}})
    monitor = rendered.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= rendered.one("Service")["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in rendered.one("Service")["spec"]["ports"]}
    # Prometheus writes every character of a label's name that it does not take as _.
    labels = {"__meta_kubernetes_service_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", name) for name in rendered.one("Service")["metadata"]["labels"]}
    for rule in endpoint["relabelings"]:
        assert set(rule["sourceLabels"]) <= labels
    assert [rule["targetLabel"] for rule in endpoint["relabelings"]] == ["model", "environment", "release"]


def test_the_cache_outlives_the_release() -> None:
    kept: Values = {"cache": {"type": "pvc", "size": "50Gi", "storageClassName": "fast"}, "rollout": {"strategy": "Recreate"}}
    claim = render(kept).one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "50Gi"}}}
    assert render(kept).pod["volumes"][0] == {"name": "cache", "persistentVolumeClaim": {"claimName": RELEASE}}
    kept["cache"]["keep"] = False
    assert "annotations" not in render(kept).one("PersistentVolumeClaim")["metadata"]


@pytest.mark.parametrize(
    ("cache", "volume"),
    [
        ({}, {"emptyDir": {}}),
        ({"sizeLimit": "100Gi"}, {"emptyDir": {"sizeLimit": "100Gi"}}),
        ({"type": "existing", "existingClaim": "w", "accessMode": "ReadWriteMany"}, {"persistentVolumeClaim": {"claimName": "w"}}),
        ({"type": "hostPath", "hostPath": "/data"}, {"hostPath": {"path": "/data", "type": "Directory"}}),
    ],
)
def test_the_cache_is_where_it_was_asked_for(cache: Values, volume: Values) -> None:
    assert render({"cache": cache}).pod["volumes"][0] == {"name": "cache", **volume}


def test_a_spread_without_a_selector_spreads_this_release() -> None:
    (own,) = render(environment="production").pod["topologySpreadConstraints"]
    assert own["labelSelector"] == {"matchLabels": SELECTOR}
    assert own["matchLabelKeys"] == ["pod-template-hash"]
    given = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"team": "a"}}}
    assert render({"topologySpreadConstraints": [given]}).pod["topologySpreadConstraints"] == [given]


def test_placement_reaches_the_pods() -> None:
    given: Values = {
        "nodeSelector": {"node-type": "gpu"},
        "tolerations": [{"key": "gpu-workload", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "models",
        "runtimeClassName": "nvidia",
    }
    for pod in pods(render({**given, "image": {"pullSecrets": ["hub"]}})):
        assert {name: pod[name] for name in given} == given
        assert pod["imagePullSecrets"] == [{"name": "hub"}]


def test_the_account_may_be_yours() -> None:
    rendered = render({"serviceAccount": {"create": False, "name": "models"}})
    assert "ServiceAccount" not in rendered.kinds
    assert {pod["serviceAccountName"] for pod in pods(rendered)} == {"models"}


def test_a_test_pod_asks_the_service_and_leaves_when_it_passed() -> None:
    pod = render({"service": {"port": 80}}).test_pod
    assert pod["spec"]["containers"][0]["command"][3] == f"{RELEASE}.{NAMESPACE}.svc.cluster.local:80"
    assert pod["metadata"]["annotations"] == {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
    assert "nvidia.com/gpu" not in pod["spec"]["containers"][0]["resources"]["requests"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_both_helms_render_the_same(environment: str) -> None:
    assert render(environment=environment, helm="helm3").objects == render(environment=environment, helm="helm4").objects


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_second_run_renders_the_same_text(environment: str, helm: str) -> None:
    first = render(environment=environment, helm=helm)
    run_helm.cache_clear()
    assert render(environment=environment, helm=helm).text == first.text
