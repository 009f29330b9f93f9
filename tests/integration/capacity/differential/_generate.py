"""Seeded clusters and pods over all rules that are modeled, with a taste for edges: exact fits, equal taints, two ways to be short."""

from __future__ import annotations

import dataclasses
import random

from ._surroundings import GPU, HERE, THERE, ZONE, Json, around, priority, promised

MIG, AMD = "nvidia.com/mig-1g.10gb", "amd.com/gpu"
HOST = "kubernetes.io/hostname"

_CPU = ["250m", "500m", "0.5", "1", "1500m", "1.5", "2", "1e0", "333m", "1.0001", "0.0005"]
_MEMORY = ["256Mi", "512Mi", "0.5Gi", "1Gi", "1.5Gi", "1G", "1e9", "1000Ki", "1024k", "1000000.5", "1073741824", "100M"]
_NODE_CPU = ["1", "2", "3500m", "4", "1001m", "6"]
_NODE_MEMORY = ["1Gi", "2Gi", "2.5Gi", "3G", "4Gi", "4294967297", "2000001"]
_ROOMY_CPU = ["4", "6500m", "8", "12", "16001m"]
_ROOMY_MEMORY = ["4Gi", "6.5Gi", "8G", "12Gi", "17179869185"]
_APPS = ["web", "llm", "batch"]


@dataclasses.dataclass
class Case:
    """One cluster with what runs on it, and the pod whose replicas come next.

    ``around`` is what must be there first, ``promised`` a pod of high priority that is sent after ``pods``.
    """

    number: int
    nodes: list[Json]
    pods: list[Json]
    template: Json
    replicas: int
    around: list[Json] = dataclasses.field(default_factory=list)
    promised: Json | None = None

    def alone(self) -> bool:
        """Whether it needs a namespace of its own: what a quota has counted never goes away without its controller."""
        return any(each["kind"] in ("ResourceQuota", "LimitRange") for each in self.around)


def case(seed: int, number: int) -> Case:
    """The same for the same seed and number, on every machine."""
    rng = random.Random(f"{seed}/{number}")
    roomy, ruled = rng.random() < 0.75, rng.random() < 0.3
    nodes = [_node(rng, number, each, roomy=roomy) for each in range(rng.choice([1, 2, 2, 3, 3, 4, 5, 6]))]
    template = _template(rng, nodes, ruled=ruled)
    # Evicted pods end no topology spread at once, so whoever spreads evicts nobody here.
    evicts = "topologySpreadConstraints" not in template["spec"]
    priority(rng, template["spec"], evicts=evicts)
    stands = around(rng, number, nodes, template)
    pods = [_existing(rng, number, each, rng.choice(nodes), template, ruled=ruled) for each in range(rng.randint(0, (2 if roomy else 3) * len(nodes)))]
    _tame_not_ready(nodes, template)
    if evicts:
        for pod in pods:
            priority(rng, pod["spec"], evicts=False)
    waits = promised(rng, number, nodes) if evicts else None
    return Case(number, nodes, _host_ports_once(pods), template, rng.choice([1, 1, 2, 2, 3, 3, 4, 6]), stands, waits)


def plain(made: Case) -> bool:
    """Whether only resources, selectors, taints and readiness decide: then nothing may stay unknown."""
    spec = made.template["spec"]
    between = [key for key in ("podAffinity", "podAntiAffinity") if key in (spec.get("affinity") or {})]
    return not (between or made.around or "topologySpreadConstraints" in spec)


def _node(rng: random.Random, number: int, index: int, *, roomy: bool) -> Json:
    name = f"n{number}-{index}"
    labels = {HOST: name, "node-type": rng.choice(["gpu"] * 6 + ["cpu"]), "gen": str(rng.randint(1, 9))}
    if rng.random() < 0.85:
        labels[ZONE] = f"z{number}-{rng.randint(0, 2)}"
    if rng.random() < 0.5:
        labels["pool"] = rng.choice(["a", "b"])
    if rng.random() < 0.3:
        labels["spot"] = ""
    cpu, memory, slots = (_ROOMY_CPU, _ROOMY_MEMORY, [3, 5, 8, 110]) if roomy else (_NODE_CPU, _NODE_MEMORY, [1, 2, 3, 5])
    amounts: Json = {"cpu": rng.choice(cpu), "memory": rng.choice(memory), "pods": str(rng.choice(slots))}
    for name_of, chance in ((GPU, 0.9), (MIG, 0.3), (AMD, 0.2)):
        if rng.random() < chance:
            amounts[name_of] = str(rng.choice([2, 4, 4, 8] if roomy else [0, 1, 2, 4]))
    if rng.random() < (0.9 if roomy else 0.4):
        amounts["ephemeral-storage"] = rng.choice(["1Gi", "10G"])
    if rng.random() < 0.2:
        amounts["hugepages-2Mi"] = rng.choice(["64Mi", "128Mi"])
    ready = rng.random() > 0.05
    spec: Json = {"taints": [_taint(rng) for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2]))]}
    spec["taints"] = list({(each["key"], each["effect"]): each for each in spec["taints"]}.values())
    if rng.random() < 0.05:
        spec["unschedulable"] = True
    status = {"allocatable": amounts, "capacity": amounts, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def _tame_not_ready(nodes: list[Json], template: Json) -> None:
    """The one deliberate difference is kept out: a NotReady node has its taint, and no pod here tolerates that."""
    everything = any(not each.get("key") and each.get("effect") in (None, "", "NoSchedule") for each in template["spec"].get("tolerations", []))
    for node in nodes:
        if node["status"]["conditions"][0]["status"] == "False":
            if everything:
                node["status"]["conditions"][0]["status"] = "True"
            else:
                node["spec"]["taints"].append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})


def _taint(rng: random.Random) -> Json:
    if rng.random() < 0.08:
        # Every pod tolerates these: admission sees to it.
        return {"key": f"node.kubernetes.io/{rng.choice(['unreachable', 'not-ready'])}", "effect": "NoExecute"}
    taint = {"key": rng.choice(["gpu-workload", "gpu-workload", "team"]), "effect": rng.choice(["NoSchedule", "NoSchedule", "NoExecute", "PreferNoSchedule"])}
    value = rng.choice(["true", "red", ""])
    return {**taint, "value": value} if value else taint


def _toleration(rng: random.Random) -> Json:
    form = rng.random()
    if form < 0.15:
        return {"operator": "Exists"}
    toleration: Json = {"key": rng.choice(["gpu-workload", "gpu-workload", "team"])}
    if form < 0.55:
        toleration["operator"] = "Exists"
    else:
        toleration["value"] = rng.choice(["true", "red", ""])
        if rng.random() < 0.5:
            toleration["operator"] = "Equal"
    effect = rng.choice(["NoSchedule", "NoSchedule", "NoExecute", "", ""])
    return {**toleration, "effect": effect} if effect else toleration


def _container(rng: random.Random, name: str, extended: dict[str, int]) -> Json:
    requests: Json = {}
    limits: Json = {key: str(amount) for key, amount in extended.items()}
    if rng.random() < 0.7:
        requests["cpu"] = rng.choice(_CPU)
    if rng.random() < 0.7:
        (requests if rng.random() < 0.6 else limits)["memory"] = rng.choice(_MEMORY)
    if rng.random() < 0.08:
        requests["ephemeral-storage"] = rng.choice(["100Mi", "0.5Gi"])
    return {"name": name, "image": "none", "resources": {"requests": requests, "limits": limits}}


def _spec(rng: random.Random) -> Json:
    extended: dict[str, int] = {}
    if rng.random() < 0.65:
        extended[GPU] = rng.choice([1, 1, 1, 1, 2, 2, 4])
    if rng.random() < 0.06:
        extended[rng.choice([MIG, AMD])] = 1
    spec: Json = {"containers": [_container(rng, "main", extended)]}
    if rng.random() < 0.25:
        spec["containers"].append(_container(rng, "side", {GPU: 1} if rng.random() < 0.3 else {}))
    init = [_container(rng, f"init{each}", {GPU: rng.choice([1, 2])} if rng.random() < 0.3 else {}) for each in range(rng.choice([0, 0, 0, 1, 2, 3]))]
    for container in init:
        if rng.random() < 0.5:
            container["restartPolicy"] = "Always"
    if init:
        spec["initContainers"] = init
    if rng.random() < 0.14:
        spec["runtimeClassName"] = rng.choice(["sandboxed"] * 6 + ["plain"])
    if rng.random() < 0.12 and not any(GPU in each["resources"]["limits"] for each in init):
        _pod_level(rng, spec)
    return spec


def _pod_level(rng: random.Random, spec: Json) -> None:
    """Pod-level amounts must cover those of the containers, so they are generous; requests may come from limits."""
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        resources = container["resources"]
        resources["limits"] = {key: value for key, value in resources["limits"].items() if key != "memory"}
        for name in ("cpu", "memory"):
            resources["requests"].pop(name, None)
        if rng.random() < 0.5:
            resources["requests"]["cpu"] = "100m"
    form = rng.random()
    if form < 0.5:
        spec["resources"] = {"requests": {"cpu": "1500m", "memory": "1Gi"}}
    elif form < 0.8:
        spec["resources"] = {"limits": {"cpu": "2", "memory": "1.5Gi"}}
    else:
        spec["resources"] = {"limits": {"cpu": "2"}, "requests": {"memory": "700Mi"}}


def _template(rng: random.Random, nodes: list[Json], *, ruled: bool) -> Json:
    spec = _spec(rng)
    if rng.random() < 0.45:
        spec["nodeSelector"] = rng.choice([{"node-type": "gpu"}] * 4 + [{"pool": "a"}, {"spot": ""}])
    if rng.random() < 0.7:
        spec["tolerations"] = [_toleration(rng) for _ in range(rng.choice([1, 1, 2, 3]))]
    affinity: Json = {}
    if rng.random() < 0.2:
        affinity["nodeAffinity"] = _node_affinity(rng, nodes)
    labels = {"app": rng.choice(_APPS)}
    if ruled:
        _rules(rng, spec, affinity)
    if affinity:
        spec["affinity"] = affinity
    if rng.random() < 0.06:
        spec["containers"][0]["ports"] = [{"containerPort": 8000, "hostPort": 8000}]
    elif rng.random() < 0.04:
        spec["hostNetwork"] = True
        spec["containers"][0]["ports"] = [{"containerPort": 8000}]
    return {"metadata": {"labels": labels}, "spec": spec}


def _node_affinity(rng: random.Random, nodes: list[Json]) -> Json:
    terms = [_node_term(rng, nodes) for _ in range(rng.choice([1, 1, 2]))]
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _node_term(rng: random.Random, nodes: list[Json]) -> Json:
    if rng.random() < 0.2:
        name = rng.choice(nodes)["metadata"]["name"]
        return {"matchFields": [{"key": "metadata.name", "operator": rng.choice(["In", "NotIn"]), "values": [name]}]}
    expressions = [
        {"key": "node-type", "operator": "In", "values": ["gpu", "tpu"]},
        {"key": "pool", "operator": "NotIn", "values": ["b"]},
        {"key": "spot", "operator": "Exists"},
        {"key": "spot", "operator": "DoesNotExist"},
        {"key": "gen", "operator": "Gt", "values": [str(rng.randint(0, 7))]},
        {"key": "gen", "operator": "Lt", "values": [str(rng.randint(2, 9))]},
        {"key": "pool", "operator": "Gt", "values": ["1"]},
    ]
    return {"matchExpressions": rng.sample(expressions, rng.choice([1, 1, 2]))}


def _selector(rng: random.Random) -> Json:
    form = rng.random()
    if form < 0.7:
        return {"matchLabels": {"app": rng.choice(_APPS)}}
    if form < 0.9:
        return {"matchExpressions": [{"key": "app", "operator": rng.choice(["In", "NotIn"]), "values": rng.sample(_APPS, 2)}]}
    return {"matchExpressions": [{"key": "app", "operator": "Exists"}]}


def _rules(rng: random.Random, spec: Json, affinity: Json) -> None:
    kind = rng.random()
    if kind < 0.5:
        keys = rng.sample([ZONE, HOST], rng.choice([1, 1, 1, 2]))
        spec["topologySpreadConstraints"] = [_spread(rng, key) for key in keys]
    if kind > 0.4:
        terms = [_term(rng) for _ in range(rng.choice([1, 1, 2]))]
        affinity["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    if kind > 0.85:
        affinity["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [_term(rng)]}


def _spread(rng: random.Random, key: str) -> Json:
    rule: Json = {"maxSkew": rng.choice([1, 1, 2]), "topologyKey": key, "whenUnsatisfiable": rng.choice(["DoNotSchedule"] * 5 + ["ScheduleAnyway"])}
    rule["labelSelector"] = {} if rng.random() < 0.05 else _selector(rng)
    if rng.random() < 0.25:
        rule["nodeTaintsPolicy"] = rng.choice(["Honor", "Ignore"])
    if rng.random() < 0.25:
        rule["nodeAffinityPolicy"] = rng.choice(["Honor", "Ignore"])
    if rule["whenUnsatisfiable"] == "DoNotSchedule" and rng.random() < 0.2:
        rule["minDomains"] = rng.choice([1, 2, 3, 4])
    if rng.random() < 0.1:
        rule["matchLabelKeys"] = ["track"]
    return rule


def _term(rng: random.Random) -> Json:
    term: Json = {"topologyKey": rng.choice([ZONE, HOST]), "labelSelector": _selector(rng)}
    form = rng.random()
    if form < 0.15:
        term["namespaces"] = [rng.choice([HERE, THERE])]
    elif form < 0.3:
        term["namespaceSelector"] = rng.choice([{}, {"matchLabels": {"team": "there"}}])
    return term


def _existing(rng: random.Random, number: int, index: int, node: Json, template: Json, *, ruled: bool) -> Json:
    """A pod that is bound already. Some are terminal, some on their way out, some resized in place."""
    spec = _spec(rng)
    if rng.random() < 0.3:
        # Of the wanted pod's own size: so that a node is often filled to the edge.
        spec = {key: value for key, value in template["spec"].items() if key in ("containers", "initContainers", "resources", "runtimeClassName")}
    if ruled and rng.random() < 0.2:
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_term(rng)]}}
    if rng.random() < 0.05:
        spec["containers"] = [{**spec["containers"][0], "ports": [{"containerPort": 8000, "hostPort": 8000}]}, *spec["containers"][1:]]
    state = rng.random()
    metadata = {"name": f"e{number}-{index}", "namespace": rng.choice([HERE, HERE, THERE]), "labels": {"app": rng.choice(_APPS)}}
    pod: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "nodeName": node["metadata"]["name"]}}
    if state < 0.1:
        pod["status"] = {"phase": rng.choice(["Succeeded", "Failed"])}
    elif state < 0.18:
        pod["leaving"] = True
    elif state < 0.28:
        pod["status"] = _resized(rng, spec)
    elif state < 0.31:
        # A static pod as its node reports it.
        metadata["annotations"] = {"kubernetes.io/config.mirror": "x"}
    return pod


def _resized(rng: random.Random, spec: Json) -> Json:
    """Resizes under way, done, put off or refused: of a container, of a sidecar, of the pod as a whole."""
    status: Json = {"phase": "Running", "containerStatuses": [_actual(rng, spec["containers"][0])]}
    sidecars = [each for each in spec.get("initContainers", []) if each.get("restartPolicy")]
    if sidecars and rng.random() < 0.5:
        status["initContainerStatuses"] = [_actual(rng, each) for each in sidecars]
    if spec.get("resources") and rng.random() < 0.7:
        whole = {"cpu": rng.choice(_CPU), "memory": rng.choice(_MEMORY)}
        status["resources"] = {"requests": whole}
        if rng.random() < 0.5:
            status["allocatedResources"] = {"cpu": rng.choice(_CPU), "memory": rng.choice(_MEMORY)}
    if rng.random() < 0.5:
        reason = rng.choice(["Infeasible", "Deferred"])
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
    return status


def _actual(rng: random.Random, container: Json) -> Json:
    actual = {"cpu": rng.choice(_CPU), "memory": rng.choice(_MEMORY)}
    allocated = actual if rng.random() < 0.5 else {"cpu": rng.choice(_CPU), "memory": rng.choice(_MEMORY)}
    fixed = {"image": "none", "imageID": "", "ready": True, "restartCount": 0}
    return {"name": container["name"], **fixed, "resources": {"requests": actual}, "allocatedResources": allocated}


def _host_ports_once(pods: list[Json]) -> list[Json]:
    """The API server binds what it is told to, so two pods with one port on one node are kept apart here."""
    taken = set()
    for pod in pods:
        for container in pod["spec"]["containers"]:
            if container.get("ports") and pod["spec"]["nodeName"] in taken:
                del container["ports"]
            elif container.get("ports"):
                taken.add(pod["spec"]["nodeName"])
    return pods
