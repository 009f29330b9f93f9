"""``make bench NAME=lab``: what a lab costs: seconds to start warm and to end, memory with eight nodes and two models, and what it leaves.

``--load`` adds 1,000 nodes (200 with GPUs) and 20,000 pods run by kwok, and says how long that takes. Exit code 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import time
import typing as t

from lab import _state
from lab._api import client
from lab._layout import ROOT, Layout
from lab._ports import free

UP_SECONDS, MEGABYTES = 8.0, 700.0
LOAD = ("--nodes", "1000", "--gpu-nodes", "200", "--pods", "20000")
TOLERATION = {"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def command(*arguments: str) -> float:
    """Seconds that `python -m lab ...` takes, the interpreter's own start included."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "lab", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def model(name: str) -> dict[str, t.Any]:
    probe = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1}
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "args": [f"org/{name}", "--served-model-name", name],
        "ports": [{"containerPort": 8000}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        "readinessProbe": probe,
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "tolerations": [TOLERATION]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def deploy(layout: Layout, names: t.Sequence[str]) -> None:
    state = _state.load(layout)
    assert state is not None
    api = client(layout, state, seconds=300)
    path = "/apis/apps/v1/namespaces/default/deployments"
    for name in names:
        api.create(path, model(name))
    while not all((api.get(f"{path}/{name}").get("status") or {}).get("readyReplicas") for name in names):
        time.sleep(0.1)


def processes(layout: Layout) -> list[pathlib.Path]:
    """Of /proc: whatever names the lab's folder or works in it, by no record of the lab."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            folder = str((entry / "cwd").readlink())
        except OSError:
            continue
        if f"{layout.state}/" in words or f"{folder}/".startswith(f"{layout.state}/") or f"--name\0{layout.name}\0" in words:
            found.append(entry)
    return found


def megabytes(layout: Layout, field: str) -> float:
    """Pss counts what processes share once, Rss for each; PostgreSQL's helpers are named by no folder and are in the sum by their session."""
    sessions = {os.getsid(int(entry.name)) for entry in processes(layout)}
    total = 0
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) in sessions:
                rows = (entry / "smaps_rollup").read_text(encoding="ascii").splitlines()
                total += next(int(row.split()[1]) for row in rows if row.startswith(f"{field}:"))
        except (OSError, StopIteration):
            continue
    return total * 1024 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    layout = Layout(f"bench-{os.getpid()}")
    warm = ("--name", layout.name, "--nodes", "8")
    try:
        up = min(_again(layout, warm) for _ in range(2))
        deploy(layout, ("llama-3-8b", "mistral-7b"))
        shared, resident = megabytes(layout, "Pss"), megabytes(layout, "Rss")
        load = command("load", "--name", layout.name, *LOAD) if options.load else None
        state = _state.load(layout)
        assert state is not None
    finally:
        down = command("down", "--name", layout.name)
    left = [*processes(layout), *(port for port in state.ports.values() if not free(port)), *([layout.state] if layout.state.exists() else [])]
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"up, warm, 8 nodes: {up:.1f} s (limit {UP_SECONDS:g})")
    print(f"memory with 8 nodes and 2 models: {shared:.0f} MB (limit {MEGABYTES:g}); {resident:.0f} MB where shared pages count for each process")
    print(f"down: {down:.1f} s; left: {left or 'nothing'}")
    if load is not None:
        print(f"load of 1,000 nodes, 200 with GPUs, and 20,000 pods: {load:.0f} s")
    return int(up > UP_SECONDS or shared > MEGABYTES or bool(left))


def _again(layout: Layout, warm: tuple[str, ...]) -> float:
    command("down", "--name", layout.name)
    return command("up", *warm)


if __name__ == "__main__":
    sys.exit(main())
