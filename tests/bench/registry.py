"""What a run that changes nothing costs, beside community.postgresql's postgresql_query on the same database.

    python -m tests.bench.registry [--runs N]

Three figures: inside the module (from its first statement to its result, connecting apart), the module as a process with Ansible's start,
and a task of a play. Targets: no-op at most 5 ms inside the module, at most 0.5 s wall. Quiet machine, or the numbers are about the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.registry import _change, _database, _request, _session
from ansible_collections.inference.vllm.plugins.module_utils.registry._change import change

from tests.integration.registry.conftest import ROOT, prepared
from tests.integration.registry.postgres import Cluster, Database, installations

ENTRY = {"state": "present", "model": "llama-3-8b", "environment": "staging", "revision": "rev-a", "endpoint": "llama:8000", "status": "ready"}
INSIDE_MS, WALL_SECONDS = 5.0, 0.5
QUERY = "SELECT count(*) FROM model_registry_entries WHERE model_name = 'llama-3-8b'"
PLAY = """- hosts: localhost
  connection: local
  gather_facts: false
  vars: {{ansible_python_interpreter: {python}}}
  tasks:
    - {{{task}}}
"""


def inside(database: Database, runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds of a no-op on a connection that has seen no statement yet, and of the whole of it with connecting."""
    target, request = _database.database(database.options(), {}), _request.request(ENTRY)
    statements, whole = [], []
    for _run in range(runs):
        with _session.opened(target, Deadline(15)) as session:
            start = time.perf_counter()
            outcome = _change.once(session, request, "bench", False)
            statements.append((time.perf_counter() - start) * 1000)
        assert not outcome.changed
        start = time.perf_counter()
        assert not change(target, request).changed
        whole.append((time.perf_counter() - start) * 1000)
    return statements, whole


def peer(database: Database, runs: int) -> list[float]:
    """Milliseconds of one SELECT by psycopg on a connection of its own: the floor of any module."""
    times = []
    for _run in range(runs):
        start = time.perf_counter()
        database.query(QUERY, user="vllm_operator")
        times.append((time.perf_counter() - start) * 1000)
    return times


def wall(database: Database, module: str, arguments: str, runs: int) -> list[float]:
    """Seconds of a play of one task, less those of a play whose task does nothing."""
    empty = play(database, "ansible.builtin.set_fact: {x: 1}")
    return [play(database, f"{module}: {{{arguments}}}") - empty for _run in range(runs)]


def play(database: Database, task: str) -> float:
    path = database.cluster.folder / "play.yml"
    path.write_text(PLAY.format(python=sys.executable, task=task), encoding="utf-8")
    environment = {**os.environ, **database.environ(), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    start = time.perf_counter()
    done = subprocess.run(["ansible-playbook", "-i", "localhost,", str(path)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or "changed=0" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - start


def row(name: str, values: t.Sequence[float], unit: str, target: float | None = None) -> bool:
    middle = statistics.median(values)
    judged = "" if target is None else f"   target {target:g} {unit}: {'kept' if middle <= target else 'MISSED'}"
    print(f"{name:<58} median {middle:8.2f} {unit}   best {min(values):8.2f}   worst {max(values):8.2f}{judged}")
    return target is None or middle <= target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    versions = installations()
    cluster = Cluster.create(versions[max(versions, key=int)])
    try:
        database = prepared(cluster.database())
        change(_database.database(database.options(), {}), _request.request(ENTRY))
        statements, whole = inside(database, runs)
        kept = row("vllm_registry, no-op, from its first statement to its result", statements, "ms", INSIDE_MS)
        row("vllm_registry, no-op, with connecting", whole, "ms")
        row("psycopg, one SELECT, with connecting", peer(database, runs), "ms")
        few = max(2, runs // 5)
        arguments = "model: llama-3-8b, environment: staging, revision: rev-a, status: ready"
        kept &= row("task inference.vllm.vllm_registry, no-op", wall(database, "inference.vllm.vllm_registry", arguments, few), "s", WALL_SECONDS)
        info = wall(database, "inference.vllm.vllm_registry_info", "environment: [staging]", few)
        kept &= row("task inference.vllm.vllm_registry_info (a process)", info, "s", WALL_SECONDS)
        theirs = wall(database, "community.postgresql.postgresql_query", f'login_db: {database.name}, query: "{QUERY}"', few)
        row("task community.postgresql.postgresql_query", theirs, "s")
    finally:
        cluster.stop()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
