"""``python -m tests.bench.capacity``: what the answer costs, beside the other ways to it, on a real API server with bulk data.

``--nodes`` and ``--ways`` change the comparison; ``--replayed`` adds the large cluster and the curve, from replayed pages.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import time
import typing as t

from lab._layout import ROOT
from lab._parts import Lab, process
from lab._process import TICKS
from plugins.module_utils.cluster._client import Client
from tests.integration.capacity.differential._plane import admin, plane

from . import _capacity_data as data
from ._capacity_replay import replay
from ._capacity_ways import WAYS

_METRIC = re.compile(r"^(apiserver_request_total|apiserver_response_sizes_sum)\{.*\} ([0-9.e+]+)$", re.MULTILINE)


@dataclasses.dataclass
class Cost:
    """One run of one way: seconds, MiB and counts."""

    way: str
    wall: float
    inside: float
    cpu: float
    memory: float
    inside_cpu: float = 0.0
    server_cpu: float = 0.0
    requests: int = 0
    megabytes: float = 0.0
    answer: t.Any = None

    def row(self, best: Cost) -> str:
        seconds = f"{self.wall:8.2f} {self.inside:8.2f} {self.inside_cpu:8.2f} {self.cpu:8.2f} {self.server_cpu:8.2f}"
        numbers = f"{seconds} {self.memory:8.0f} {self.requests:8} {self.megabytes:8.1f}"
        return f"{self.way:18} {numbers} {self.wall / best.wall:7.1f}x {self.cpu / best.cpu:7.1f}x  {self.answer}"


COLUMNS = ("wall s", "inside s", "its cpu", "cpu s", "srv cpu", "peak MiB", "requests", "MB", "wall", "cpu")
HEAD = f"{'':18} {' '.join(f'{name:>8}' for name in COLUMNS)}  slots"


def run(way: str, **environment: str) -> Cost:
    """A process of its own, measured as a whole: start of Python included, so ours is not flattered."""
    before = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench._capacity_ways", way], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _pid, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way} failed: {said}")
    found = json.loads(said.splitlines()[-1])
    wall = time.monotonic() - before
    cost = Cost(way, wall, found["inside"], usage.ru_utime + usage.ru_stime, found["peak"], answer=found["answer"])
    cost.inside_cpu = found["inside_cpu"]
    cost.requests, cost.megabytes = found.get("requests", 0), found.get("bytes", 0) / 1e6
    return cost


def compare(lab: Lab, ways: t.Sequence[str], rounds: int) -> list[Cost]:
    """The best of some rounds of each, in turn, so that a noisy moment hits all alike."""
    api = admin(lab)
    environment = {"KUBECONFIG": str(lab.layout.kubeconfig()), "K8S_AUTH_KUBECONFIG": str(lab.layout.kubeconfig()), "KUBECTL": str(lab.layout.bin / "kubectl")}
    costs: dict[str, Cost] = {}
    for _ in range(rounds):
        for way in ways:
            server, requests, size = _server(lab, api)
            cost = run(way, **environment)
            after = _server(lab, api)
            # Two requests are our own looks at the metrics.
            cost.server_cpu, cost.requests, cost.megabytes = after[0] - server, round(after[1] - requests) - 1, (after[2] - size) / 1e6
            if way not in costs or cost.wall < costs[way].wall:
                costs[way] = cost
    return list(costs.values())


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


def replayed() -> None:
    print("\nReplayed pages (client cost only):")
    print(HEAD)
    with replay(5000) as url:
        scan = run("ours", BENCH_URL=url, BENCH_SCAN="1")
        scan.way = "5k/100k, scan"
        print(scan.row(scan), flush=True)
    print("\nThe curve: cost per GPU node, one list per node")
    for nodes in (100, 500, 1000, 2500, 5000):
        with replay(nodes) as url:
            cost = min((run("ours", BENCH_URL=url) for _ in range(2)), key=lambda each: each.inside)
            gpus = sum(data.is_gpu(index) for index in range(nodes))
            print(f"{nodes:6} nodes, {gpus:5} with GPUs: {1000 * cost.inside / gpus:6.2f} ms each, {cost.requests} requests, {cost.memory:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--replayed", action="store_true")
    options = parser.parse_args()
    if options.ways:
        with plane() as lab:
            admin(lab).create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bulk"}})
            data.load(lab, options.nodes)
            print(f"{options.nodes} nodes, {options.nodes // 5} with GPUs, {options.nodes * data.PODS_PER_NODE} pods; load average {os.getloadavg()[0]:.1f}")
            print(HEAD)
            costs = compare(lab, options.ways, options.rounds)
            for cost in costs:
                print(cost.row(costs[0]), flush=True)
    if options.replayed:
        replayed()


if __name__ == "__main__":
    main()
