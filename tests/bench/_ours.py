"""One run of our prober in a process of its own, so that its processor time and memory are its own: URL REQUESTS CONCURRENCY [--plain]."""

from __future__ import annotations

import importlib
import json
import pathlib
import re
import statistics
import sys
import time
import types
import typing as t

importlib.import_module("tests.conftest")
COLLECTION = "ansible_collections.inference.vllm.plugins.module_utils"
ROUNDS = 10


def part(name: str) -> types.ModuleType:
    return importlib.import_module(f"{COLLECTION}.{name}")


def main(url: str, requests: int, concurrency: int, plain: bool) -> dict[str, t.Any]:
    endpoint = {name: part(f"endpoint._{name}") for name in ("guard", "http", "load", "stream", "transports")}
    transport = endpoint["transports"].Direct(endpoint["guard"].parse(url), endpoint["guard"].networks(["127.0.0.0/8"]))
    ask = endpoint["stream"].Ask("chat", "llama-3-8b", "Say OK.", 20, 60.0, exact=True)
    if plain:
        return single(endpoint, transport, ask, requests)
    load = endpoint["load"].Load(requests, concurrency)
    run = endpoint["load"].run([[endpoint["http"].HttpSession(transport)] for _ in range(concurrency)], ask, load, part("_deadline").Deadline(600))
    return {"latency": part("verification._report").latency(run, load), "cpu": run.cpu, "memory": memory()}


def memory() -> float:
    """Peak MiB of this program: the system's own count of a child begins with the size of its parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def single(endpoint: dict[str, types.ModuleType], transport: t.Any, ask: t.Any, requests: int) -> dict[str, t.Any]:
    """Milliseconds of processor time for one request: the best and the middle of some rounds, as a neighbour can only make a round dearer."""
    session = endpoint["http"].HttpSession(transport)
    rounds = [spent(endpoint, session, ask, count) for count in (20, *[max(1, requests // ROUNDS)] * ROUNDS)][1:]
    return {"cpu_ms": min(rounds), "usual_cpu_ms": statistics.median(rounds)}


def spent(endpoint: dict[str, types.ModuleType], session: t.Any, ask: t.Any, requests: int) -> float:
    cpu = time.process_time()
    for _ in range(requests):
        endpoint["stream"].plain(session, ask, endpoint["stream"].Sample(0.0))
    return (time.process_time() - cpu) / requests * 1000


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "--plain" in sys.argv)))
