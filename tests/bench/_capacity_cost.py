"""What one run of one way cost, and what it was to cost at most."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import typing as t

from lab._layout import ROOT

COLUMNS = ("wall s", "inside s", "its cpu", "cpu s", "srv cpu", "peak MiB", "requests", "MB", "wall", "cpu", "srv cpu", "memory")
HEAD = f"{'':19} {' '.join(f'{name:>8}' for name in COLUMNS)}  slots"


@dataclasses.dataclass
class Cost:
    """One run of one way: seconds, MiB and counts. ``inside`` leaves out the start of Python, ``look_cpu`` also what is imported."""

    way: str
    wall: float
    inside: float
    cpu: float
    memory: float
    inside_cpu: float = 0.0
    look_cpu: float = 0.0
    server_cpu: float = 0.0
    requests: int = 0
    megabytes: float = 0.0
    answer: t.Any = None

    def row(self, ours: Cost) -> str:
        """The last four numbers are how many times ours that is."""
        seconds = " ".join(f"{each:8.2f}" for each in (self.wall, self.inside, self.inside_cpu, self.cpu, self.server_cpu))
        ratios = (self.wall / ours.wall, self.cpu / ours.cpu, self.server_cpu / max(0.01, ours.server_cpu), self.memory / ours.memory)
        times = " ".join(f"{each:7.1f}x" for each in ratios)
        return f"{self.way:19} {seconds} {self.memory:8.0f} {self.requests:8} {self.megabytes:8.1f} {times}  {self.answer}"


@dataclasses.dataclass(frozen=True)
class Target:
    """``bound`` is the most that ``value`` may be, or with ``least`` the least that it must be."""

    what: str
    value: float
    bound: float
    least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.least else self.value <= self.bound


def verdict(targets: t.Sequence[Target]) -> str:
    lines = ["", "What was promised:"]
    for target in targets:
        sign = ">=" if target.least else "<="
        lines.append(f"{'met' if target.met else 'NOT MET':8} {target.what}: {target.value:.2f} ({sign} {target.bound:g})")
    return "\n".join([*lines, f"{sum(target.met for target in targets)} of {len(targets)} met; load average {os.getloadavg()[0]:.1f}"])


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
    cost.inside_cpu, cost.look_cpu = found["inside_cpu"], found.get("look_cpu", 0.0)
    cost.requests, cost.megabytes = found.get("requests", 0), found.get("bytes", 0) / 1e6
    return cost
