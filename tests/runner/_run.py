"""Runs checks two at a time, each check with a log and a deadline of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
import typing as t
from concurrent import futures

from tests.runner._lines import CACHE, ROOT

if t.TYPE_CHECKING:
    import pathlib

    from tests.runner._table import Job

LOGS = CACHE / "checks"
GRACE_SECONDS = 30
POLL_SECONDS = 0.05
LANES = 2
_running: set[subprocess.Popen[bytes]] = set()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one check ended. ``processor``: seconds of one core that it and what it waited for took (a lab's daemons are not among them)."""

    name: str
    passed: bool
    seconds: float
    processor: float
    log: pathlib.Path
    note: str = ""


def run_all(jobs: t.Sequence[Job]) -> t.Iterator[Outcome]:
    """Every job's outcome, in the order in which they end.

    Two at a time, of which at most one is wide: its workers wait more than they compute.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    waiting: list[Job] = list(jobs)
    running: dict[futures.Future[Outcome], Job] = {}
    with futures.ThreadPoolExecutor(max_workers=LANES) as lanes:
        try:
            while waiting or running:
                while len(running) < LANES and (job := _next(waiting, running.values())):
                    waiting.remove(job)
                    running[lanes.submit(run, job)] = job
                for done in futures.wait(running, return_when=futures.FIRST_COMPLETED).done:
                    del running[done]
                    yield done.result()
        except BaseException:  # an interrupt, too, leaves no process behind
            for process in list(_running):
                _end(process)
            raise


def _next(waiting: t.Sequence[Job], running: t.Collection[Job]) -> Job | None:
    """A wide one when none runs: they are the longest. Else the first of the others."""
    wide = not any(job.check.wide for job in running)
    return next((job for job in waiting if job.check.wide and wide), None) or next((job for job in waiting if not job.check.wide), None)


def run(job: Job) -> Outcome:
    """Run the check to its end or to its deadline."""
    log = LOGS / f"{job.title}.log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            job.command, cwd=ROOT, env=job.line.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        _running.add(process)
        processor = 0.0
        try:
            code, processor = _wait(process, job.check.minutes * 60)
            note = f"exit code {code}"
        except subprocess.TimeoutExpired:
            _end(process)
            code, note = -1, f"did not end within {job.check.minutes:g} minutes"
        finally:
            _running.discard(process)
    return Outcome(job.title, code == 0, time.monotonic() - started, processor, log, "" if code == 0 else note)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> tuple[int, float]:
    """Its exit code and what it cost; Popen's own wait does not tell the latter."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used.ru_utime + used.ru_stime
        time.sleep(POLL_SECONDS)
    raise subprocess.TimeoutExpired(process.args, seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask like Ctrl-C first, so that fixtures stop what they started."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)
            return
