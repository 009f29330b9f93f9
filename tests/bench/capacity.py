"""``make bench NAME=capacity``: what the answer costs, beside the other ways to it, and whether that is what was promised.

First on a real API server with bulk data (``--nodes``, a fifth of them with GPUs, 20 pods on each), each way a process of its own; then from
replayed pages: the large cluster read whole, and the cost of a GPU node from 100 to 5,000 of them. On a busy machine wall times say little.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
import typing as t

from lab._client import Client
from lab._parts import Lab, process
from lab._process import TICKS
from tests.integration.capacity.differential._plane import admin, plane

from . import _capacity_data as data
from ._capacity_cost import HEAD, Cost, Target, run, verdict
from ._capacity_replay import replay
from ._capacity_ways import WAYS

_METRIC = re.compile(r"^(apiserver_request_total|apiserver_response_sizes_sum)\{.*\} ([0-9.e+]+)$", re.MULTILINE)
#: Ways that take minutes are measured once.
SLOW = ("http.client + json", "dynamic client", "k8s_info", "describe nodes")
LARGE_NODES = 5000
FLAT = 1.3
SETTLE_SECONDS = 90


def compare(lab: Lab, ways: t.Sequence[str], rounds: int) -> dict[str, Cost]:
    """The best of some rounds of each, in turn, so that a noisy moment hits all alike."""
    api = admin(lab)
    environment = {"KUBECONFIG": str(lab.layout.kubeconfig()), "K8S_AUTH_KUBECONFIG": str(lab.layout.kubeconfig()), "KUBECTL": str(lab.layout.bin / "kubectl")}
    costs: dict[str, Cost] = {}
    for number in range(rounds):
        for way in ways:
            if number and way in SLOW:
                continue
            server, requests, size = _server(lab, api)
            cost = run(way, **environment)
            after = _server(lab, api)
            # The look at the metrics itself is counted in the next one.
            cost.server_cpu, cost.requests, cost.megabytes = after[0] - server, round(after[1] - requests) - 1, (after[2] - size) / 1e6
            if way not in costs or cost.wall < costs[way].wall:
                costs[way] = cost
    return costs


def _server(lab: Lab, api: Client) -> tuple[float, float, float]:
    """CPU seconds of the API server, and its own counts of requests and bytes."""
    found = process(lab.layout, "kube-apiserver")
    assert found is not None
    sums = {"apiserver_request_total": 0.0, "apiserver_response_sizes_sum": 0.0}
    for name, value in _METRIC.findall(api.raw("GET", "/metrics").decode()):
        sums[name] += float(value)
    with open(f"/proc/{found.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, sums["apiserver_request_total"], sums["apiserver_response_sizes_sum"]


def _settle(lab: Lab) -> None:
    """The scheduler has listed everything and the API server has decoded it: from here on what it spends is spent on us."""
    api, quiet = admin(lab), 0
    api.items("/api/v1/pods", {"labelSelector": "none=none"})
    for _second in range(SETTLE_SECONDS):
        before = _server(lab, api)[0]
        time.sleep(1)
        quiet = quiet + 1 if _server(lab, api)[0] - before < 0.15 else 0
        if quiet == 3:
            return
    print(f"(the API server was still busy with itself after {SETTLE_SECONDS} s)")


def real(nodes: int, ways: t.Sequence[str], rounds: int) -> list[Target]:
    with plane() as lab:
        admin(lab).create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bulk"}})
        data.load(lab, nodes)
        print(f"A real API server: {nodes} nodes, {nodes // 5} with GPUs, {nodes * data.PODS_PER_NODE} pods; load average {os.getloadavg()[0]:.1f}")
        _settle(lab)
        print(HEAD, flush=True)
        costs = compare(lab, ways, rounds)
    for cost in costs.values():
        print(cost.row(costs.get("ours", cost)), flush=True)
    return _targets(costs) if "ours" in costs else []


def _targets(costs: dict[str, Cost]) -> list[Target]:
    ours, describe, dynamic = costs["ours"], costs.get("describe GPU nodes"), costs.get("dynamic client")
    targets = [Target("inside the module, s", ours.inside, 0.6), Target("peak memory, MiB", ours.memory, 40)]
    if describe:
        targets.append(Target("wall, share of kubectl describe's (GPU nodes only)", ours.wall / describe.wall, 1.0))
        targets.append(Target("CPU of the API server, share of kubectl describe's", ours.server_cpu / max(0.01, describe.server_cpu), 0.5))
    if dynamic:
        targets.append(Target("times faster than the dynamic client", dynamic.wall / ours.wall, 20, least=True))
    return targets


def large(peer: bool) -> list[Target]:
    pods = LARGE_NODES * data.PODS_PER_NODE
    print(f"\nReplayed pages: {LARGE_NODES} nodes, {pods} pods, read whole (what the client pays; the replaying server is not a real one)")
    print(HEAD, flush=True)
    with replay(LARGE_NODES) as url:
        scan = run("ours", BENCH_URL=url, BENCH_SCAN="1")
        print(scan.row(scan), flush=True)
        if peer:
            print(run("http.client + json", BENCH_URL=url).row(scan), flush=True)
    return [Target("5k/100k read whole: own CPU, s", scan.inside_cpu, 2.0), Target("5k/100k read whole: peak memory, MiB", scan.memory, 80)]


def curve(sizes: t.Sequence[int]) -> list[Target]:
    print("\nThe curve: one list per GPU node, from replayed pages")
    print(f"{'GPU nodes':>10} {'cpu s':>8} {'ms/node':>8} {'wall s':>8} {'peak MiB':>8} {'requests':>8}", flush=True)
    each = []
    for gpus in sizes:
        with replay(5 * gpus) as url:
            cost = min((run("ours", BENCH_URL=url) for _ in range(2)), key=lambda found: found.look_cpu)
        each.append(1000 * cost.look_cpu / gpus)
        print(f"{gpus:10} {cost.look_cpu:8.2f} {each[-1]:8.2f} {cost.inside:8.2f} {cost.memory:8.0f} {cost.requests:8}", flush=True)
    growth = max((later / each[index] for index in range(len(each)) for later in each[index + 1 :]), default=1.0)
    return [Target(f"growth of what a GPU node costs, from {min(sizes)} to {max(sizes)} of them", growth, FLAT)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000, help="of the real API server; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--no-large", action="store_true", help="leave out 5,000 nodes and 100,000 pods")
    parser.add_argument("--curve", nargs="*", type=int, default=[100, 500, 1000, 2500, 5000], help="numbers of GPU nodes")
    options = parser.parse_args()
    # The control plane ends with us, also when we are told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    targets = real(options.nodes, options.ways, options.rounds) if options.nodes else []
    if not options.no_large:
        targets += large(peer="http.client + json" in options.ways)
    if options.curve:
        targets += curve(options.curve)
    print(verdict(targets))


if __name__ == "__main__":
    main()
