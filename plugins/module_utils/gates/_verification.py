# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""An endpoint's checks, measurements and gates put together: the result of ``vllm_endpoint_verify``."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from ..cluster._client import ApiError, Unreachable
from ..endpoint import _finding, _report, _route
from ..endpoint._errors import UnknownError
from ..endpoint._finding import Finding
from ..endpoint._load import Progress
from ..endpoint._route import Params, Route
from ..endpoint._verify import Outcome, Plan, verify
from . import _judge
from ._evidence import evidence
from ._gate import Gate, Json

MOST_RESTARTS = 3
PAUSE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Verified:
    """``result`` is what the module returns; ``outcome`` has every single request, for reports."""

    result: Json
    outcome: Outcome


def verification(params: Params, plan: Plan, gates: t.Sequence[Gate], deadline: Deadline, progress: Progress | None = None) -> Verified:
    """Verifies and judges. What an endpoint does wrong is in the result; only options that cannot be right raise.

    Pods that are replaced meanwhile, by a rollout or a drained node, are no fault of the model: the verification starts again on the pods
    that there are then. It does so a few times at most; afterwards what fails counts.
    """
    reference = _route.reference(params)
    plan = dataclasses.replace(plan, extras=dataclasses.replace(plan.extras, reference=reference))
    for restarts in range(MOST_RESTARTS + 1):
        route, outcome = _once(params, plan, deadline, progress)
        if restarts == MOST_RESTARTS or not _troubled(outcome) or not _replaced(params, route, deadline):
            break
    if reference is not None:
        reference.close()
    _hide_keys(params, outcome)
    return Verified(_result(route, plan, gates, outcome, deadline) | {"restarts": restarts}, outcome)


def _hide_keys(params: Params, outcome: Outcome) -> None:
    """No word of a server's, in the result or in a report, shows a key that it was given."""
    keys = [params[name] for name in ("endpoint_api_key", "reference_api_key") if params[name]]
    for sample in outcome.run.samples if outcome.run else ():
        sample.message = _report.hidden(sample.message, keys)
    outcome.findings = [
        dataclasses.replace(finding, message=_report.hidden(finding.message, keys), observed=_report.hidden(finding.observed, keys))
        for finding in outcome.findings
    ]


def _once(params: Params, plan: Plan, deadline: Deadline, progress: Progress | None) -> tuple[Route, Outcome]:
    try:
        route = _route.find(params, deadline)
    except (UnknownError, DeadlineError, ApiError, Unreachable) as error:
        # It could not even be looked for, which says nothing about it.
        return Route(params["way"], "", ()), Outcome([Finding("inconclusive", str(error), name="reach")])
    return route, verify(route.ways, plan, deadline, progress)


def _troubled(outcome: Outcome) -> bool:
    return outcome.verdict in ("fail", "inconclusive") or any(sample.error for sample in (outcome.run.samples if outcome.run else ()))


def _replaced(params: Params, route: Route, deadline: Deadline) -> bool:
    """Whether pods that were verified are gone, and others have become ready in their place before the deadline."""
    try:
        if not route.gone():
            return False
        while deadline.remaining() > PAUSE_SECONDS:
            try:
                return bool(_route.find(params, deadline).ways)
            except UnknownError:
                time.sleep(PAUSE_SECONDS)
    except (ApiError, Unreachable, DeadlineError):
        pass
    return False


def _result(route: Route, plan: Plan, gates: t.Sequence[Gate], outcome: Outcome, deadline: Deadline) -> Json:
    found = evidence(outcome, plan)
    judged = [_judge.judge(gate, found) for gate in gates]
    verdict = _finding.gravest([outcome.verdict, *(gate["verdict"] for gate in judged)])
    if verdict == "skipped":
        # Nothing said that it is right.
        verdict = "inconclusive"
    warnings = [f"{plan.ask.model}: {finding.message}" for finding in outcome.findings if finding.warns]
    return {
        "verdict": verdict,
        "message": _report.sentence(plan.ask.model, verdict, outcome.findings, judged, route.where),
        "way": route.way,
        "where": route.where,
        "pods": [way.pod for way in route.ways if way.pod],
        "checks": [finding.entry() for finding in outcome.findings],
        "latency": _report.latency(outcome.run, plan.load, plan.slo) if outcome.run else {},
        "gates": judged,
        "duration": round(deadline.elapsed(), 3),
    } | ({"warnings": warnings} if warnings else {})
