"""One look at a cluster over HTTP: which calls it makes, and what it says when they fail."""

from __future__ import annotations

import re
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _question, _reader
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Unauthorized, Unreachable

from tests.unit.cluster.server import Step, refuse

from .api import OPTIONS, PODS, Fault, cluster, look
from .build import GPU, Json, pod, quota, template


def test_a_small_cluster_is_read_in_one_page_of_pods() -> None:
    with cluster(2) as api:
        found = look(api, pod_template=template(nodeSelector={"node-type": "gpu"}))
        assert (found["verdict"], found["slots"], found["consistent_at"]["resource_version"]) == ("pass", 8, "77")
        assert "GET /api/v1/nodes?labelSelector=node-type%3Dgpu&limit=500" in api.seen
        assert [path for path in api.seen if path.startswith(f"GET {PODS}")] == [f"GET {PODS}?limit=100"]
        assert found["api_requests"] == len(api.seen)


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("share", [0, 1e9])
def test_nodes_one_by_one_and_pages_of_all_give_the_same_answer(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", share)
    with cluster(6) as api:
        found = look(api, replicas=24)
        assert (found["verdict"], found["slots"], len(found["placements"])) == ("pass", 24, 6)
        assert sorted({row["requested"][GPU] for row in found["nodes"] if row["name"].startswith("gpu")}) == [4]
        single = [path for path in api.seen if "spec.nodeName%3Dgpu" in path]
        assert len(single) == (6 if share else 0)
        assert all("resourceVersion=0" in path for path in single)
        assert any("continue=" in path and path.startswith(f"GET {PODS}") for path in api.seen) == (not share)


@pytest.mark.usefixtures("_small_pages")
def test_only_nodes_that_could_take_the_pod_are_asked_for_their_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", 1e9)
    with cluster(3) as api:
        api.lists["/api/v1/nodes"][0]["spec"]["unschedulable"] = True
        assert look(api)["slots"] == 8
        assert sorted(path[path.index("gpu-") :][:7] for path in api.seen if "nodeName%3Dgpu" in path) == ["gpu-001", "gpu-002"]


@pytest.mark.usefixtures("_small_pages")
def test_nominated_pods_count_however_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = pod("wait-0", "", {GPU: 8})
    del waiting["spec"]["nodeName"]
    waiting["status"] = {"phase": "Pending", "nominatedNodeName": "gpu-000"}
    for share in (0, 1e9):
        monkeypatch.setattr(_reader, "NODES_PER_POD", share)
        with cluster(2, 0) as api:
            api.lists[PODS] += [waiting, *(pod(f"x-{each}", "cpu-000", {"cpu": "1m"}) for each in range(9))]
            assert look(api)["slots"] == 8


@pytest.mark.usefixtures("_small_pages")
def test_an_anti_affinity_of_a_pod_on_another_node_is_seen_in_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", 0)
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}}
    with cluster(2) as api:
        for each in api.lists["/api/v1/nodes"]:
            each["metadata"]["labels"]["zone"] = "a"
        shy = pod("shy-0", "cpu-001", {}, affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
        api.lists[PODS].append(shy)
        found = look(api)
        assert (found["verdict"], found["slots"]) == ("fail", 0)
        assert found["code"] == "pod_rules"


@pytest.mark.usefixtures("_small_pages")
def test_a_rule_between_pods_reads_all_nodes_and_the_pods_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}}
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    with cluster(3) as api:
        found = look(api, pod_template=template(affinity=anti, nodeSelector={"node-type": "gpu"}), replicas=4)
        assert (found["verdict"], found["certain"], found["possible"]) == ("fail", 3, 3)
        assert not any("labelSelector" in path for path in api.seen if path.startswith("GET /api/v1/nodes"))


def test_old_pods_give_way_and_jobs_of_the_release_do_not() -> None:
    with cluster(1, 0) as api:
        job = pod("m-development-prefetch", "gpu-000", {GPU: 1}, labels={"app.kubernetes.io/instance": "m-development"})
        job["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "m-development-prefetch", "controller": True}]
        api.lists[PODS] += [pod("m-development-0", "gpu-000", {GPU: 7}), job]
        found = look(api, pod_template=template({GPU: 7}), replaces={"release": "m-development"})
        assert (found["verdict"], found["replaced"], found["strategy"], found["surge"]["verdict"]) == ("pass", 1, "Recreate", "fail")
        assert "labelSelector=app.kubernetes.io%2Finstance%3Dm-development" in " ".join(api.seen)


def test_a_node_that_goes_while_its_pods_are_read_never_looks_empty() -> None:
    def fault(path: str, _query: dict[str, str], _count: int) -> Step | None:
        if path == PODS:
            # Gone with all its pods, right after the nodes were listed.
            api.lists["/api/v1/nodes"] = [each for each in api.lists["/api/v1/nodes"] if each["metadata"]["name"] != "gpu-000"]
            api.lists[PODS] = [each for each in api.lists[PODS] if each["spec"]["nodeName"] != "gpu-000"]
        return None

    with cluster(1, fault=fault) as api:
        assert look(api)["verdict"] == "fail"


def test_a_node_that_is_cordoned_while_its_pods_are_read_is_out() -> None:
    def fault(path: str, _query: dict[str, str], _count: int) -> Step | None:
        if path == PODS:
            api.lists["/api/v1/nodes"][0]["spec"]["unschedulable"] = True
        return None

    with cluster(1, fault=fault) as api:
        found = look(api)
        assert (found["verdict"], found["code"]) == ("fail", "no_matching_node")


def test_an_answer_over_many_nodes_is_confirmed_by_one_list_of_the_same_nodes() -> None:
    with cluster(10, 7) as api:
        found = look(api, pod_template=template(nodeSelector={"node-type": "gpu"}), replicas=10)
        assert (found["verdict"], len(found["placements"])) == ("pass", 10)
        lists = [path for path in api.seen if path.startswith("GET /api/v1/nodes")]
        assert lists == ["GET /api/v1/nodes?labelSelector=node-type%3Dgpu&limit=500"] * 2


def test_nodes_that_keep_changing_leave_it_open() -> None:
    def fault(path: str, _query: dict[str, str], count: int) -> Step | None:
        if path.startswith("/api/v1/nodes/"):
            api.lists["/api/v1/nodes"][0]["metadata"]["labels"]["count"] = str(count)
        return None

    with cluster(1, fault=fault) as api:
        found = look(api)
        assert (found["verdict"], found["unknown"]) == ("inconclusive", ["its nodes kept changing while they were read"])


def _on(where: str, step: Step) -> Fault:
    return lambda path, _query, _count: step if path == where else None


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/api/v1/nodes", 'nodes cannot be listed: ask for a ClusterRole with {apiGroups: [""], resources: [nodes], verbs: [list]}'),
        (PODS, 'pods cannot be listed: ask for a ClusterRole with {apiGroups: [""], resources: [pods], verbs: [list]}'),
        (
            "/api/v1/namespaces/development/resourcequotas",
            'resourcequotas cannot be listed: ask for a Role in development with {apiGroups: [""], resources: [resourcequotas], verbs: [list]}',
        ),
        (
            "/apis/resource.k8s.io/v1/resourceslices",
            'resourceslices cannot be listed: ask for a ClusterRole with {apiGroups: ["resource.k8s.io"], resources: [resourceslices], verbs: [list]}',
        ),
    ],
)
def test_what_is_forbidden_leaves_it_open_and_names_the_rule(path: str, rule: str) -> None:
    with cluster(1, fault=_on(path, refuse(403, "Forbidden"))) as api:
        found = look(api)
        assert (found["verdict"], found["unknown"]) == ("inconclusive", [rule])
        assert rule in found["message"]


def test_what_is_full_stays_full_though_something_is_forbidden() -> None:
    with cluster(1, 8, fault=_on("/api/v1/namespaces/development/resourcequotas", refuse(403, "Forbidden"))) as api:
        assert look(api)["verdict"] == "fail"


def test_a_quota_is_read_and_counted() -> None:
    with cluster(1, resourcequotas=[quota({"requests.nvidia.com/gpu": "4"}, {"requests.nvidia.com/gpu": "4"})]) as api:
        found = look(api)
        assert (found["verdict"], found["quota"][0]["short"]) == ("fail", 1)


def test_a_limit_range_gives_defaults_that_count() -> None:
    limits = {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"memory": "600Gi"}, "defaultRequest": {"cpu": "65"}}]}}
    with cluster(1, limitranges=[limits]) as api:
        found = look(api)
        assert found["requests"] == {GPU: 1, "cpu": 65000, "memory": 600 << 30}
        assert found["verdict"] == "fail"


def test_dra_leaves_it_open() -> None:
    slices: Json = {"metadata": {"name": "s"}, "spec": {"nodeName": "gpu-000", "driver": "gpu.nvidia.com"}}
    classes: Json = {"metadata": {"name": "c"}, "spec": {"extendedResourceName": GPU}}
    with cluster(1) as api:
        api.lists["/apis/resource.k8s.io/v1/resourceslices"] = [slices]
        api.lists["/apis/resource.k8s.io/v1/deviceclasses"] = []
        found = look(api)
        assert (found["verdict"], found["code"], len(found["unknown"])) == ("inconclusive", "capacity_unknown", 1)
        api.lists["/apis/resource.k8s.io/v1/deviceclasses"] = [classes]
        assert look(api, pod_template=template({GPU: 64}))["verdict"] == "inconclusive"


def test_volumes_tie_the_pod_to_their_nodes() -> None:
    claim: Json = {"metadata": {"name": "cache"}, "spec": {"volumeName": "pv"}}
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["gpu-001"]}]}
    volume: Json = {"metadata": {"name": "pv"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}}
    made = template(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "cache"}}])
    with cluster(2, persistentvolumeclaims=[claim]) as api:
        api.lists["/api/v1/persistentvolumes"] = [volume]
        found = look(api, pod_template=made)
        assert (found["verdict"], found["slots"], found["placements"]) == ("pass", 4, {"gpu-001": 1})
        claim["spec"] = {}
        assert look(api, pod_template=made)["unknown"] == ["its PersistentVolumeClaim cache is not bound yet, so which nodes can mount it is open"]
        api.lists["/api/v1/namespaces/development/persistentvolumeclaims"] = []
        assert "does not exist yet" in look(api, pod_template=made)["message"]


@pytest.mark.parametrize(
    ("labels", "slots"),
    [
        ({"topology.kubernetes.io/zone": "a"}, 8),
        ({"topology.kubernetes.io/zone": "a__b"}, 12),
        ({"failure-domain.beta.kubernetes.io/zone": "b"}, 8),
        ({"topology.kubernetes.io/region": "a"}, 4),
    ],
)
def test_the_zone_of_a_volume_counts_on_nodes_that_have_any(labels: Json, slots: int) -> None:
    volume: Json = {"metadata": {"name": "pv", "labels": labels}, "spec": {}}
    with cluster(3, persistentvolumeclaims=[{"metadata": {"name": "cache"}, "spec": {"volumeName": "pv"}}]) as api:
        # One node in each zone, and one without any, which the scheduler takes for a cluster of one zone.
        for each, zone in zip(api.lists["/api/v1/nodes"], ("a", "b"), strict=False):
            each["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone
        api.lists["/api/v1/persistentvolumes"] = [volume]
        assert look(api, pod_template=template(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "cache"}}]))["slots"] == slots


CLAIM: Json = {"metadata": {"name": "cache"}, "spec": {"volumeName": "pv"}}
CLAIMING = template(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "cache"}}])
CLAIMS, VOLUMES = "/api/v1/namespaces/development/persistentvolumeclaims", "/api/v1/persistentvolumes"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (None, "the volume pv of its PersistentVolumeClaim cache is lost"),
        ({"accessModes": ["ReadWriteOncePod"]}, "the volume of its PersistentVolumeClaim cache may be used by one pod only (ReadWriteOncePod)"),
        ({"csi": {"driver": "disk.example.com"}}, "nodes attach only so many volumes of the driver disk.example.com, which are not counted here"),
        ({"csi": {"driver": "free.example.com"}}, ""),
    ],
)
def test_what_a_volume_leaves_open_is_named(spec: Json | None, said: str) -> None:
    driver = {"name": "disk.example.com", "allocatable": {"count": 8}}
    with cluster(1, persistentvolumeclaims=[CLAIM]) as api:
        api.lists[VOLUMES] = [{"metadata": {"name": "pv"}, "spec": spec}] if spec else []
        api.lists["/apis/storage.k8s.io/v1/csinodes"] = [{"metadata": {"name": "gpu-000"}, "spec": {"drivers": [driver]}}]
        assert look(api, pod_template=CLAIMING)["unknown"] == ([said] if said else [])


@pytest.mark.parametrize(
    ("path", "made", "rule"),
    [
        (
            f"{CLAIMS}/cache",
            CLAIMING,
            'persistentvolumeclaims cannot be read: ask for a Role in development with {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get]}',
        ),
        (
            f"{VOLUMES}/pv",
            CLAIMING,
            'persistentvolumes cannot be read: ask for a ClusterRole with {apiGroups: [""], resources: [persistentvolumes], verbs: [get]}',
        ),
        (
            "/apis/scheduling.k8s.io/v1/priorityclasses/high",
            template(priorityClassName="high"),
            'priorityclasses cannot be read: ask for a ClusterRole with {apiGroups: ["scheduling.k8s.io"], resources: [priorityclasses], verbs: [get]}',
        ),
    ],
)
def test_what_may_not_be_read_beside_the_pod_is_named_with_its_rule(path: str, made: Json, rule: str) -> None:
    with cluster(1, persistentvolumeclaims=[CLAIM], fault=_on(path, refuse(403, "Forbidden"))) as api:
        api.lists[VOLUMES] = [{"metadata": {"name": "pv"}, "spec": {}}]
        found = look(api, pod_template=made)
        assert (found["verdict"], found["unknown"]) == ("inconclusive", [rule])


def test_a_device_class_that_gives_out_what_is_asked_for_is_named() -> None:
    with cluster(1) as api:
        api.lists["/apis/resource.k8s.io/v1/resourceslices"] = [{"metadata": {"name": "s"}, "spec": {"driver": "d"}}]
        api.lists["/apis/resource.k8s.io/v1/deviceclasses"] = [{"metadata": {"name": "c"}, "spec": {"extendedResourceName": GPU}}]
        assert look(api, pod_template=template({GPU: 64}))["unknown"] == [
            f"a DeviceClass also allocates {GPU} by DRA, which the nodes' allocatable resources do not show"
        ]


def test_a_rule_that_selects_namespaces_by_label_reads_them() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, "namespaceSelector": {"matchLabels": {"team": "a"}}}
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    with cluster(1) as api:
        api.lists["/api/v1/namespaces"] = [{"metadata": {"name": "development", "labels": {"team": "b"}}}]
        assert look(api, pod_template=template(affinity=anti))["verdict"] == "pass"
        api.lists["/api/v1/namespaces"][0]["metadata"]["labels"]["team"] = "a"
        assert look(api, pod_template=template(affinity=anti))["verdict"] == "fail"


def test_the_fleet_that_may_not_be_read_is_not_told() -> None:
    with cluster(1, fault=_on(PODS, refuse(403, "Forbidden"))) as api:
        found = look(api, fleet=True)
        assert (found["fleet"], found["code"], len(found["unknown"])) == ([], "capacity_unknown", 1)


def test_the_options_of_a_pod_make_the_pod() -> None:
    options = {"resources": {GPU: 1, "memory": "1Gi"}, "labels": {"a": "b"}, "node_selector": {"node-type": "gpu"}, "tolerations": [{"operator": "Exists"}]}
    made = _question.question({**OPTIONS, **options, "priority_class_name": "high", "replaces": {"max_surge": "25%", "selector": {"c": "d"}}})
    assert made.template == {
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "nodeSelector": {"node-type": "gpu"},
            "tolerations": [{"operator": "Exists"}],
            "priorityClassName": "high",
            "containers": [{"name": "main", "resources": {"requests": {GPU: 1, "memory": "1Gi"}}}],
        },
    }
    assert (made.replaced, made.how.max_surge) == ("c=d", "25%")


def test_without_wait_there_is_one_look() -> None:
    with cluster(1) as api:
        params = {**OPTIONS, "pod_template": template(), "wait": False, "timeout": 5}
        found = _query.until(api.connection(), _question.question(params), params)
        assert (found["verdict"], found["looks"], found["waited"]) == ("pass", 1, 0.0)


def test_a_pause_of_nothing_is_refused() -> None:
    with pytest.raises(Error, match="wait_sleep is 0; give a number of seconds above 0"):
        _query.wait(lambda _seconds: {"verdict": "fail"}, 5, 5, 0)


def test_a_class_that_does_not_exist_is_refused_by_name() -> None:
    with cluster(1) as api, pytest.raises(Error, match="the pod names priorityclasses high, which the cluster does not have"):
        look(api, pod_template=template(priorityClassName="high"))
    with cluster(1) as api, pytest.raises(Error, match="the pod names runtimeclasses kata, which the cluster does not have"):
        look(api, pod_template=template(runtimeClassName="kata"))


def test_the_fleet_is_described_without_a_pod() -> None:
    with cluster(2) as api:
        api.lists["/api/v1/nodes"][1]["spec"]["unschedulable"] = True
        found = look(api, fleet=True)
        assert found["fleet"] == [
            {
                "pool": "gpu",
                "product": "",
                "resource": GPU,
                "nodes": 2,
                "closed": 1,
                "allocatable": 16,
                "used": 8,
                "free": 4,
                "largest_slot": 4,
                "fragmentation": 100,
            }
        ]
        assert found["message"] == "gpu: 4 of 16 GPUs free, at most 4 on one node, 1 of 2 nodes cordoned or NotReady."


def test_waiting_ends_when_the_pods_fit_and_counts_the_looks() -> None:
    answers = iter([{"verdict": "fail", "message": "no capacity."}, {"verdict": "inconclusive", "message": "who knows."}, {"verdict": "pass"}])
    said: list[str] = []
    found = _query.wait(lambda _seconds: next(answers), 5, 10, 0.01, said.append)
    assert (found["verdict"], found["looks"]) == ("pass", 3)
    assert said == [f"{each} Checking again in 0 s, for at most another 10 s." for each in ("no capacity.", "who knows.")]


def test_waiting_ends_with_the_time_and_the_last_answer() -> None:
    began = time.monotonic()
    found = _query.wait(lambda _seconds: {"verdict": "fail", "message": "no capacity."}, 5, 0.5, 0.05)
    assert (found["verdict"], found["looks"] > 2) == ("fail", True)
    assert time.monotonic() - began < 1.5


def test_a_cluster_that_does_not_answer_for_a_moment_is_looked_at_again() -> None:
    def flaky() -> t.Iterator[Json]:
        raise Unreachable("gone for a moment")

    steps: list[t.Callable[[], Json]] = [lambda: next(flaky()), lambda: {"verdict": "pass"}]
    assert _query.wait(lambda _seconds: steps.pop(0)(), 5, 5, 0.01)["looks"] == 2


def test_wrong_credentials_are_not_tried_again() -> None:
    def wrong(_seconds: float) -> Json:
        raise Unauthorized("no", status=401)

    with pytest.raises(Unauthorized):
        _query.wait(wrong, 5, 5, 0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"replicas": -1}, "replicas is -1; give 0 or more"),
        ({"replaces": {"max_surge": "many"}}, "replaces.max_surge is 'many'; give a number or a percentage such as 25%"),
        ({"pod_template": {"spec": {}}}, "the pod template has no spec.containers"),
        ({"pod_template": template({"gpu": 1})}, "gpu is not a resource; write cpu, memory"),
        ({"pod_template": template({GPU: "1.5"})}, "nvidia.com/gpu is given in whole units, not 1.5"),
        ({"pod_template": template({"cpu": "10P"})}, "cpu is larger than any machine can count; check its unit"),
        ({"pod_template": template({"cpu": "two"})}, "container vllm: requests.cpu: 'two' is not a quantity such as 2, 500m, 1.5Gi or 1e3"),
        ({"pod_template": template({"cpu": "-1"})}, "'-1' is negative"),
    ],
)
def test_bad_input_is_refused_in_words(options: Json, words: str) -> None:
    with cluster(1) as api, pytest.raises(Error, match=re.escape(words)):
        look(api, **options)
