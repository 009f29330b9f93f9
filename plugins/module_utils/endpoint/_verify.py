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
from . import _finding, _load, _replicas
from ._checks import CHECKS
from ._errors import ProbeError, UnknownError, held
from ._finding import Finding
from ._http import Session, Way
from ._load import Load, Progress, Run
from ._stream import Ask
from ._subject import Extras, Subject

DEFAULT_CHECKS: dict[str, tuple[str, ...]] = {
    "chat": ("health", "models", "authentication", "chat", "stream", "latency"),
    "completion": ("health", "models", "authentication", "completion", "stream", "latency"),
    "embedding": ("health", "models", "authentication", "embedding", "latency"),
}
# A router's own /health is about the router.
ROUTER_CHECKS: dict[str, tuple[str, ...]] = {kind: tuple(name for name in names if name != "health") for kind, names in DEFAULT_CHECKS.items()}
# Without an answer to these there is no point in asking for more.
FIRST = ("reach", "tls", "health")
NO_KEY = ("http_401", "http_403")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is verified, whichever way leads there. ``own_names`` False: a router may put another name into its answers."""

    ask: Ask
    checks: tuple[str, ...]
    load: Load
    key: str = dataclasses.field(default="", repr=False)
    key_required: bool | None = None
    own_names: bool = True
    slo: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    extras: Extras = dataclasses.field(default_factory=Extras)


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
    sessions = [_session(way, plan) for way in ways]
    outcome = Outcome([])
    try:
        for name in plan.checks:
            if name == "latency":
                _measure(sessions, plan, deadline, outcome, progress)
            elif name == "replicas":
                outcome.findings.append(_compare(sessions, plan, deadline, outcome))
            else:
                outcome.findings += [_check(name, session, plan, deadline, outcome) for session in sessions]
    finally:
        for session in sessions:
            session.close()
    return outcome


def _session(way: Way, plan: Plan) -> Session:
    return Session(way, plan.key if way.carries_key else "")


def _subject(session: Session, plan: Plan, deadline: Deadline, outcome: Outcome) -> Subject:
    seconds = deadline.limit(plan.ask.seconds, f"the verification of {plan.ask.model}")
    return Subject(session, dataclasses.replace(plan.ask, seconds=seconds, names=_names(outcome, session, plan)), plan.key_required, plan.extras)


def _names(outcome: Outcome, session: Session, plan: Plan) -> frozenset[str]:
    """The names that this server's answers may carry: those it lists, since a request by an alias is answered with the first one."""
    listed = (found.observed for found in outcome.findings if found.name == "models" and found.verdict == "pass" and found.pod == session.way.pod)
    return frozenset(next(listed, ())) if plan.own_names else frozenset()


def _check(name: str, session: Session, plan: Plan, deadline: Deadline, outcome: Outcome) -> Finding:
    start = time.perf_counter()
    blocked = _blocked(outcome, session)

    def ask() -> Finding:
        return CHECKS[name](_subject(session, plan, deadline, outcome))

    try:
        found = _finding.skipped(f"not tried after {blocked.name}") if blocked else held(ask)
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    if found.verdict == "fail" and found.observed in NO_KEY and not session.way.carries_key:
        found = Finding("inconclusive", f"it wants a key, and {session.way.where} cannot carry one: the API server keeps that header; use port_forward")
    return dataclasses.replace(found, name=name, pod=session.way.pod, duration=time.perf_counter() - start)


def _compare(sessions: list[Session], plan: Plan, deadline: Deadline, outcome: Outcome) -> Finding:
    start = time.perf_counter()
    blocked = next((found for session in sessions if (found := _blocked(outcome, session))), None)
    try:
        subjects = [] if blocked else [_subject(session, plan, deadline, outcome) for session in sessions]
        found = _finding.skipped(f"not tried after {blocked.name}") if blocked else held(lambda: _replicas.check(subjects))
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    return dataclasses.replace(found, name="replicas", duration=time.perf_counter() - start)


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
        names = frozenset().union(*(_names(outcome, session, plan) for session in sessions))
        outcome.run = _load.run(workers, dataclasses.replace(plan.ask, names=names), plan.load, deadline, progress)
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
    more = [_session(sessions[index % len(sessions)].way, plan) for index in range(len(sessions), count)]
    dealt = [*sessions, *more]
    return [dealt[index::count] for index in range(count)]


def _measured(run: Run, plan: Plan) -> Finding:
    """Whether the sample is whole. What it means is for the gates to say."""
    count, bad = len(run.samples), [sample for sample in run.samples if sample.error]
    observed = {"requests": count, "failed": len(bad), "warmup": run.warmups}
    expected = {"requests": count if plan.load.duration else plan.load.samples, "failed": 0}
    if count and len(bad) == count:
        return _finding.failed(f"all {count} requests failed, the first with: {bad[0].message}", observed, expected)
    if run.unsent or not count:
        message = f"{count} of {plan.load.samples} requests were sent before the time was used up; raise timeout or ask for fewer samples"
        return Finding("inconclusive", message, observed, expected)
    if bad:
        return _finding.passed(f"{len(bad)} of {count} requests failed, the first with: {bad[0].message}", observed, expected)
    return _finding.passed(f"{count} requests were measured", observed, expected)
