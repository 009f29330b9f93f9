# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Runs the checks against each server and the load over all of them, and says what came of it in one sentence."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from . import _finding, _load
from ._checks import CHECKS, Subject
from ._errors import ProbeError, UnknownError
from ._finding import Finding
from ._http import Session, Way
from ._load import Load, Progress, Run
from ._stream import Ask

DEFAULT_CHECKS: dict[str, tuple[str, ...]] = {
    "chat": ("health", "models", "authentication", "chat", "stream", "latency"),
    "completion": ("health", "models", "authentication", "completion", "stream", "latency"),
    "embedding": ("health", "models", "authentication", "embedding", "latency"),
}
# Without an answer to these there is no point in asking for more.
FIRST = ("health",)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is verified, whichever way leads there."""

    ask: Ask
    checks: tuple[str, ...]
    load: Load
    key: str = dataclasses.field(default="", repr=False)
    key_required: bool | None = None


@dataclasses.dataclass
class Outcome:
    """Every finding in request order, pod by pod, and the load's run when there was one."""

    findings: list[Finding]
    run: Run | None = None

    @property
    def verdict(self) -> _finding.VerdictName:
        return _finding.gravest(finding.verdict for finding in self.findings)


def verify(ways: t.Sequence[Way], plan: Plan, deadline: Deadline, progress: Progress | None = None) -> Outcome:
    """``ways`` has one entry a pod (or one URL); each is checked alone, and the load is spread over all of them."""
    sessions = [Session(way, plan.key) for way in ways]
    outcome = Outcome([])
    try:
        for name in plan.checks:
            if name == "latency":
                _measure(sessions, plan, deadline, outcome, progress)
            else:
                outcome.findings += [_check(name, session, plan, deadline, _blocked(outcome, session)) for session in sessions]
    finally:
        for session in sessions:
            session.close()
    return outcome


def _check(name: str, session: Session, plan: Plan, deadline: Deadline, blocked: Finding | None) -> Finding:
    start = time.perf_counter()
    if blocked is not None:
        found = _finding.skipped(f"not tried after {blocked.name}")
    else:
        try:
            seconds = deadline.limit(plan.ask.seconds, f"the verification of {plan.ask.model}")
            found = CHECKS[name](Subject(session, dataclasses.replace(plan.ask, seconds=seconds), plan.key_required))
        except (ProbeError, UnknownError, DeadlineError) as error:
            found = _finding.of_error(error)
    return dataclasses.replace(found, name=name, pod=session.way.pod, duration=time.perf_counter() - start)


def _blocked(outcome: Outcome, session: Session) -> Finding | None:
    """What stands in the way of asking this server more: it gave no answer at all, or none could be had."""
    for finding in outcome.findings:
        if finding.pod == session.way.pod and (finding.verdict == "inconclusive" or (finding.verdict == "fail" and finding.name in FIRST)):
            return finding
    return None


def _measure(sessions: list[Session], plan: Plan, deadline: Deadline, outcome: Outcome, progress: Progress | None) -> None:
    """The latency sample, which only makes sense when generation works everywhere."""
    start = time.perf_counter()
    bad = next((finding for finding in outcome.findings if finding.verdict in ("fail", "inconclusive")), None)
    if bad is not None:
        outcome.findings.append(dataclasses.replace(_finding.skipped(f"not tried after {bad.name}"), name="latency"))
        return
    workers = _workers(sessions, plan)
    try:
        outcome.run = _load.run(workers, plan.ask, plan.load, deadline, progress)
        found = _measured(outcome.run, plan)
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    finally:
        for worker in workers:
            for session in worker:
                session.close()
    outcome.findings.append(dataclasses.replace(found, name="latency", duration=time.perf_counter() - start))


def _workers(sessions: list[Session], plan: Plan) -> list[list[Session]]:
    """Each worker's connections, which it uses in turn: every server is measured, with no more at a time than asked for."""
    count = plan.load.concurrency
    more = [Session(sessions[index % len(sessions)].way, plan.key) for index in range(len(sessions), count)]
    dealt = [*sessions, *more]
    return [dealt[index::count] for index in range(count)]


def _measured(run: Run, plan: Plan) -> Finding:
    """Whether the sample is whole. What it means is for the gates to say."""
    count, bad = len(run.samples), [sample for sample in run.samples if sample.error]
    observed, expected = {"requests": count, "failed": len(bad), "warmup": run.warmups}, {"requests": plan.load.samples, "failed": 0}
    if count and len(bad) == count:
        return _finding.failed(f"all {count} requests failed, the first with: {bad[0].message}", observed, expected)
    if run.unsent or not count:
        message = f"{count} of {plan.load.samples} requests were sent before the time was used up; raise timeout or ask for fewer samples"
        return Finding("inconclusive", message, observed, expected)
    if bad:
        return _finding.passed(f"{len(bad)} of {count} requests failed, the first with: {bad[0].message}", observed, expected)
    return _finding.passed(f"{count} requests were measured", observed, expected)
