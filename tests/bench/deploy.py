"""How long a deploy takes that has nothing to do, and one that has no capacity, beside a play of as many empty tasks in the same run.

Also how many requests to the API server a deploy that has nothing to do makes, and how many of them one after the other.

Run it on a lab where the models of development are deployed: eval "$(make -s env)"; python -m tests.bench.deploy
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_CAPACITY = ("-e", '{"vllm_values": {"gpu": {"count": 1000}, "shm": {"sizeLimit": "1Gi"}}}')
TARGETS = {"deploy with nothing to do": 3.0, "deploy without capacity": 5.0}
#: At most so many times the time of as many empty tasks.
MOST_RATIO = 2.0
TASK = "    - ansible.builtin.assert: {that: true, quiet: true}\n"
EMPTY = "- hosts: vllm_models\n  gather_facts: false\n  tasks:\n"


def timed(*words: str, code: int = 0) -> tuple[float, float, str]:
    """Wall and processor seconds of one ansible-playbook, and what it printed. Ends the benchmark on another exit code."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(["ansible-playbook", *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != code:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--model", default="llama-3-8b")
    options = parser.parse_args()
    where = ("-i", "inventories/development", "--limit", options.model)
    tasks = timed("deploy.yml", *where)[2].count("TASK [")
    runs: dict[str, list[tuple[float, float]]] = {"as many empty tasks": [], **{name: [] for name in TARGETS}}
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder) / "empty.yml"
        empty.write_text(EMPTY + TASK * tasks)
        for _run in range(options.runs):
            runs["as many empty tasks"].append(timed(str(empty), *where)[:2])
            wall, cpu, text = timed("deploy.yml", *where)
            if not re.search(r"changed=0\s", text):
                raise SystemExit(f"this was not a no-op:\n{text}")
            runs["deploy with nothing to do"].append((wall, cpu))
            wall, cpu, text = timed("deploy.yml", *where, *NO_CAPACITY, code=2)
            if "1000 GPUs" not in text:
                raise SystemExit(f"this was refused for something else:\n{text}")
            runs["deploy without capacity"].append((wall, cpu))
    show(runs)
    count, depth = requests(options.model)
    print(f"{'requests to the API server':26} {count} in all, {depth} one after the other: one second more for each answer costs a no-op about {depth} s")
    return 0


def requests(model: str) -> tuple[int, int]:
    """Of a deploy that has nothing to do: all requests, and the longest chain of those that waited for one another."""
    from ansible_collections.inference.vllm.plugins.module_utils.cluster import _client

    calls: list[tuple[float, float]] = []
    attempt = _client.Client._attempt

    def counted(self: t.Any, *words: t.Any, **options: t.Any) -> t.Any:
        begun = time.monotonic()
        try:
            return attempt(self, *words, **options)
        finally:
            calls.append((begun, time.monotonic()))

    _client.Client._attempt = counted  # type: ignore[method-assign]
    for _twice in range(2):
        calls.clear()
        if applied(model)["changed"] and _twice:
            raise SystemExit("this was not a no-op")
    made = list(calls)
    applied(model, state="absent")
    depth, end = 0, 0.0
    for begun, ended in sorted(made, key=lambda call: call[1]):
        if begun >= end:
            depth, end = depth + 1, ended
    return len(made), depth


def applied(model: str, **more: t.Any) -> dict[str, t.Any]:
    """The module's own work, as a role would call it, without a play."""
    from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
    from ansible_collections.inference.vllm.plugins.module_utils.apply._module import SPEC, run

    chart = ROOT / "charts" / "vllm-deployment"
    options = {
        "model": f"{model}-bench",
        "environment": "development",
        "namespace": "development",
        "chart_ref": str(chart),
        "values_files": [str(chart / "values-development.yaml")],
        "model_options": {"source": "org/small", "revision": "abc", "size": "small"},
        "image": {"repository": "vllm/vllm-openai", "tag": "v0.32.0"},
        "resources": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "values": {"drain": {"preStopSeconds": 0}},
    }
    return run(SPEC.complete({**options, **more}, os.environ), Context(pid=os.getpid(), host=model))


def show(runs: dict[str, list[tuple[float, float]]]) -> None:
    floor = statistics.median(wall for wall, _cpu in runs["as many empty tasks"])
    for name, measured in runs.items():
        walls = [wall for wall, _cpu in measured]
        spread = f"{min(walls):5.2f} / {statistics.median(walls):5.2f} / {max(walls):5.2f} s"
        cpu, ratio = statistics.median(cpu for _wall, cpu in measured), statistics.median(walls) / floor
        most = f" and {MOST_RATIO:g} x the empty tasks" if name == "deploy with nothing to do" else ""
        target = f"   target <= {TARGETS[name]:g} s{most} on a quiet machine" if name in TARGETS else ""
        print(f"{name:26} wall {spread}   cpu {cpu:5.2f} s   {ratio:4.1f} x the empty tasks{target}")
    print(f"min/median/max of {len(runs['as many empty tasks'])} runs each; load average now {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
