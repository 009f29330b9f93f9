# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Runs the checks against each server, and the load over all of them."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from . import _finding, _load, _replicas
from ._checks_api import CHECKS
from ._errors import ProbeError, UnknownError, held
from ._finding import Finding
from ._http import HttpSession, Transport
from ._load import Load, Progress, Run
from ._stream import Ask
from ._subject import CheckSubject, Extras

DEFAULT_CHECKS: dict[str, tuple[str, ...]] = {
    "chat": ("health", "models", "authentication", "chat", "stream", "latency"),
    "completion": ("health", "models", "authentication", "completion", "stream", "latency"),
    "embedding": ("health", "models", "authentication", "embedding", "latency"),
}
# A router's own /health is about the router.
ROUTER_CHECKS: dict[str, tuple[str, ...]] = {kind: tuple(name for name in names if name != "health") for kind, names in DEFAULT_CHECKS.items()}
# Without an answer to these there is no point in asking more.
FIRST = ("reach", "tls", "health")
NO_KEY = ("key_refused", "key_missing")


@dataclasses.dataclass(frozen=True)
class VerificationPlan:
    """What is verified, however it is reached. ``own_names`` False: a router may put another name into its answers."""

    ask: Ask
    checks: tuple[str, ...]
    load: Load
    key: str = dataclasses.field(default="", repr=False)
    key_required: bool | None = None
    own_names: bool = True
    slo: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    extras: Extras = dataclasses.field(default_factory=Extras)


@dataclasses.dataclass
class CheckOutcome:
    """Every finding in request order, pod by pod, and the load's run when there was one."""

    findings: list[Finding]
    run: Run | None = None

    @property
    def verdict(self) -> _finding.CheckVerdict:
        return _finding.gravest(finding.verdict for finding in self.findings)


def verify(transports: t.Sequence[Transport], plan: VerificationPlan, deadline: Deadline, progress: Progress | None = None) -> CheckOutcome:
    """``transports`` has one entry a pod (or one URL); each is checked alone, and the load is spread over all of them."""
    sessions = [_session(transport, plan) for transport in transports]
    checked = CheckOutcome([])
    try:
        for name in plan.checks:
            if name == "latency":
                _measure(sessions, plan, deadline, checked, progress)
            elif name == "replicas":
                checked.findings.append(_compare(sessions, plan, deadline, checked))
            else:
                checked.findings += [_check(name, session, plan, deadline, checked) for session in sessions]
    finally:
        for session in sessions:
            session.close()
    return checked


def _session(transport: Transport, plan: VerificationPlan) -> HttpSession:
    return HttpSession(transport, plan.key if transport.carries_key else "")


def _subject(session: HttpSession, plan: VerificationPlan, deadline: Deadline, checked: CheckOutcome) -> CheckSubject:
    seconds = deadline.limit(plan.ask.seconds, f"the verification of {plan.ask.model}")
    return CheckSubject(session, dataclasses.replace(plan.ask, seconds=seconds, names=_names(checked, session, plan)), plan.key_required, plan.extras)


def _names(checked: CheckOutcome, session: HttpSession, plan: VerificationPlan) -> frozenset[str]:
    """The names that this server's answers may carry: those it lists, since a request by an alias is answered with the first one."""
    listed = (found.observed for found in checked.findings if found.name == "models" and found.verdict == "pass" and found.pod == session.transport.pod)
    return frozenset(next(listed, ())) if plan.own_names else frozenset()


def _check(name: str, session: HttpSession, plan: VerificationPlan, deadline: Deadline, checked: CheckOutcome) -> Finding:
    start = time.perf_counter()
    blocked = _blocked(checked, session)

    def ask() -> Finding:
        return CHECKS[name](_subject(session, plan, deadline, checked))

    try:
        found = _finding.skipped(f"not tried, because {blocked.name} did not pass", code="not_tried") if blocked else held(ask)
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    if found.verdict == "fail" and found.code in NO_KEY and not session.transport.carries_key:
        message = f"the server requires a key, and {session.transport.where} cannot carry one: the API server keeps that header; use via: port_forward"
        found = _finding.inconclusive(message, code="key_not_carried")
    return dataclasses.replace(found, name=name, pod=session.transport.pod, duration=time.perf_counter() - start)


def _compare(sessions: list[HttpSession], plan: VerificationPlan, deadline: Deadline, checked: CheckOutcome) -> Finding:
    start = time.perf_counter()
    blocked = next((found for session in sessions if (found := _blocked(checked, session))), None)
    try:
        subjects = [] if blocked else [_subject(session, plan, deadline, checked) for session in sessions]
        found = _finding.skipped(f"not tried, because {blocked.name} did not pass", code="not_tried") if blocked else held(lambda: _replicas.check(subjects))
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    return dataclasses.replace(found, name="replicas", duration=time.perf_counter() - start)


def _blocked(checked: CheckOutcome, session: HttpSession) -> Finding | None:
    """Why this server is not asked more: it does not answer, or cannot be reached."""
    for finding in checked.findings:
        if finding.pod == session.transport.pod and (finding.verdict == "inconclusive" or (finding.verdict == "fail" and finding.name in FIRST)):
            return finding
    return None


def _measure(sessions: list[HttpSession], plan: VerificationPlan, deadline: Deadline, checked: CheckOutcome, progress: Progress | None) -> None:
    """The latency sample; it only makes sense when generation works everywhere."""
    start = time.perf_counter()
    bad = next((finding for finding in checked.findings if finding.verdict in ("fail", "inconclusive")), None)
    if bad is not None:
        checked.findings.append(dataclasses.replace(_finding.skipped(f"not tried, because {bad.name} did not pass", code="not_tried"), name="latency"))
        return
    workers = _workers(sessions, plan)
    try:
        names = frozenset().union(*(_names(checked, session, plan) for session in sessions))
        checked.run = _load.run(workers, dataclasses.replace(plan.ask, names=names), plan.load, deadline, progress)
        found = _measured(checked.run, plan)
    except (ProbeError, UnknownError, DeadlineError) as error:
        found = _finding.of_error(error)
    finally:
        for worker in workers:
            for session in worker:
                session.close()
    checked.findings.append(dataclasses.replace(found, name="latency", duration=time.perf_counter() - start))


def _workers(sessions: list[HttpSession], plan: VerificationPlan) -> list[list[HttpSession]]:
    """Each worker's connections, which it uses in turn: every server is measured, with no more at a time than asked for."""
    count = plan.load.concurrency
    more = [_session(sessions[index % len(sessions)].transport, plan) for index in range(len(sessions), count)]
    dealt = [*sessions, *more]
    return [dealt[index::count] for index in range(count)]


def _measured(run: Run, plan: VerificationPlan) -> Finding:
    """Whether the sample is complete. What it means is for the gates."""
    count, bad = len(run.samples), [sample for sample in run.samples if sample.error]
    observed = {"requests": count, "failed": len(bad), "warmup": run.warmups}
    expected = {"requests": count if plan.load.duration else plan.load.samples, "failed": 0}
    if count and len(bad) == count:
        return _finding.failed(f"all {count} requests failed, the first with: {bad[0].message}", observed, expected, code="requests_failed")
    if run.unsent or not count:
        message = f"only {count} of {plan.load.samples} requests were sent before the timeout; raise timeout or lower samples"
        return _finding.inconclusive(message, observed, expected, code="too_few_samples")
    if bad:
        return _finding.passed(f"{len(bad)} of {count} requests failed, the first with: {bad[0].message}", observed, expected)
    return _finding.passed(f"{count} requests were measured", observed, expected)
