"""Many cases: by several processes, each with a control plane of its own, and begun again where the last run was stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import queue
import signal
import subprocess
import sys
import threading
import typing as t

from lab._layout import ROOT

from ._compare import Bench, prepare
from ._generate import Json, case
from ._plane import admin, plane
from ._shrink import smallest

#: What decides about outcomes: with any of it changed, earlier ones say nothing.
_SOURCES = ("plugins/module_utils/capacity", "plugins/module_utils/cluster", "tests/integration/capacity/differential")
_END_SECONDS = 20


class Book:
    """One line for each case that was run, in a file named by the seed and the code that was tried."""

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256()
        for path in sorted(path for folder in _SOURCES for path in (ROOT / folder).glob("*.py")):
            digest.update(path.read_bytes())
        self.path = ROOT / ".cache" / "differential" / f"seed-{seed}-{digest.hexdigest()[:12]}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[int, Json]:
        """Outcomes by number; those that disagreed are to be run again, and a line that was cut off was never run."""
        found = {}
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            try:
                outcome = json.loads(line)
            except ValueError:
                continue
            if outcome["agrees"]:
                found[outcome["number"]] = outcome
        return found

    def write(self, outcome: Json) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(outcome) + "\n")


def work(seed: int, numbers: t.Iterable[int]) -> t.Iterator[Json]:
    """Outcomes one after another, on a control plane of this process; a disagreement comes with its smallest case."""
    with plane() as lab:
        prepare(admin(lab))
        bench = Bench(lab)
        for number in numbers:
            outcome = bench.outcome(case(seed, number))
            told = {"number": number, **dataclasses.asdict(outcome)}
            if not outcome.agrees:
                told["smallest"] = dataclasses.asdict(smallest(bench, case(seed, number)))
            yield told


def spread(seed: int, numbers: t.Sequence[int], workers: int) -> t.Iterator[Json]:
    """The same by ``workers`` processes, in the order in which they come."""
    told: queue.Queue[Json | None] = queue.Queue()
    command = [sys.executable, "-m", f"{__package__}", "--seed", str(seed), "--worker"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    try:
        for index, process in enumerate(processes):
            threading.Thread(target=_listen, args=(process, list(numbers[index::workers]), told), daemon=True).start()
        ended = 0
        while ended < workers:
            outcome = told.get()
            ended += outcome is None
            if outcome is not None:
                yield outcome
        if any(process.wait() for process in processes):
            raise RuntimeError("a worker failed; what it said stands above")
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(_END_SECONDS)


def _listen(process: subprocess.Popen[str], numbers: list[int], told: queue.Queue[Json | None]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin:
            json.dump(numbers, process.stdin)
        for line in process.stdout:
            told.put(json.loads(line))
    finally:
        told.put(None)
