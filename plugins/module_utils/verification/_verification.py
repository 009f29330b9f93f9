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
from ..endpoint import _finding, _route
from ..endpoint._errors import UnknownError
from ..endpoint._finding import Finding
from ..endpoint._load import Progress, Run
from ..endpoint._route import Params, Route
from ..endpoint._verify import CheckOutcome, VerificationPlan, verify
from ..gates import _judge
from ..gates._gate import Gate, Json
from ..gates._judge import Measurements
from . import _report

MOST_RESTARTS = 3
PAUSE_SECONDS = 1.0
# Above this share of a core, the latencies are the prober's own. In a shorter run the share means nothing.
MOST_CPU_SHARE = 0.5
LEAST_SECONDS = 0.5
GENERATIONS = ("chat", "completion", "embedding")
# Name of the entry for pods that are no longer those that were to be verified.
PODS = "pods"


@dataclasses.dataclass(frozen=True)
class Verified:
    """``result`` is what the module returns; ``checked`` has every single request, for reports."""

    result: Json
    checked: CheckOutcome


def verification(params: Params, plan: VerificationPlan, gates: t.Sequence[Gate], deadline: Deadline, progress: Progress | None = None) -> Verified:
    """Verifies and judges. What an endpoint does wrong is in the result; only options that cannot be right raise.

    Pods that are replaced meanwhile, by a rollout or a drained node, are no fault of the model: the verification starts again on the pods
    that there are then. It does so a few times at most; afterwards what fails counts. Where the newest pods were asked for and a newer
    ReplicaSet appears, there is no restart: the pods that were meant can no longer be verified.
    """
    reference = _route.reference(params)
    plan = dataclasses.replace(plan, extras=dataclasses.replace(plan.extras, reference=reference))
    superseded: Finding | None = None
    first: Route | None = None
    for restarts in range(MOST_RESTARTS + 1):
        route, checked = _once(params, plan, deadline, progress)
        first = first or (route if route.transports else None)
        superseded = _superseded(first) if first else None
        if superseded or restarts == MOST_RESTARTS or not _troubled(checked) or not _replaced(params, route, deadline):
            break
    if reference is not None:
        reference.close()
    if superseded:
        checked.findings.append(superseded)
    _hide_keys(params, checked)
    return Verified(_result(route, plan, gates, checked, deadline) | {"restarts": restarts}, checked)


def measurements(checked: CheckOutcome, plan: VerificationPlan) -> Measurements:
    """What the gates look at; a failed request counts as infinitely slow, so that a fast error never improves a percentile."""
    figures = {"completion_seconds": _slowest(checked.findings)}
    run = checked.run
    if run is None or not run.samples:
        return Measurements(figures=figures)
    bad = sum(1 for sample in run.samples if sample.error)
    good = [sample for sample in run.samples if not sample.error]
    values = {metric: [*_report.values(good, metric, scheduled=plan.load.rate > 0), *[float("inf")] * bad] for metric in _report.METRICS}
    numbers = _report.latency(run, plan.load, plan.slo)
    figures |= {name: numbers[name] for name in ("output_tokens_per_second", "requests_per_second")}
    figures["goodput_requests_per_second"] = numbers.get("goodput", {}).get("requests_per_second")
    return Measurements(values, len(run.samples), bad, figures, _doubt(run))


def _slowest(findings: t.Sequence[Finding]) -> float | None:
    """The first whole answer of each server; the slowest counts."""
    seconds = [finding.observed["seconds"] for finding in findings if finding.name in GENERATIONS and finding.verdict == "pass"]
    return max(seconds, default=None)


def _doubt(run: Run) -> str:
    if run.wall < LEAST_SECONDS or run.cpu_share <= MOST_CPU_SHARE:
        return ""
    return f"the prober used {run.cpu_share:.0%} of a core, which slows its own measurements; lower concurrency or rate, or run it on another machine"


def _hide_keys(params: Params, checked: CheckOutcome) -> None:
    """No word of a server's, in the result or in a report, shows a key that it was given."""
    keys = [params[name] for name in ("endpoint_api_key", "reference_api_key") if params[name]]
    for sample in checked.run.samples if checked.run else ():
        sample.message = _report.hidden(sample.message, keys)
    checked.findings = [
        dataclasses.replace(finding, message=_report.hidden(finding.message, keys), observed=_report.hidden(finding.observed, keys))
        for finding in checked.findings
    ]


def _once(params: Params, plan: VerificationPlan, deadline: Deadline, progress: Progress | None) -> tuple[Route, CheckOutcome]:
    try:
        route = _route.find(params, deadline)
    except (UnknownError, DeadlineError, ApiError, Unreachable) as error:
        # Not even the pods could be found, which says nothing about the model.
        return Route(params["via"], "", ()), CheckOutcome([dataclasses.replace(_finding.of_error(error), name="reach")])
    return route, verify(route.transports, plan, deadline, progress)


def _troubled(checked: CheckOutcome) -> bool:
    return checked.verdict in ("fail", "inconclusive") or any(sample.error for sample in (checked.run.samples if checked.run else ()))


def _superseded(first: Route) -> Finding | None:
    """Why the pods that the verification started with are no longer, or not surely, the newest; None while they are."""
    try:
        if not first.superseded():
            return None
        message = "a newer ReplicaSet replaced the pods while they were verified; verify the new ones"
        return dataclasses.replace(_finding.inconclusive(message, code="pods_replaced"), name=PODS)
    except (ApiError, Unreachable, DeadlineError) as error:
        # Unknown is not a pass.
        return dataclasses.replace(_finding.of_error(error), name=PODS)


def _replaced(params: Params, route: Route, deadline: Deadline) -> bool:
    """Whether pods that were verified are gone, and others have become ready in their place before the deadline."""
    try:
        if not route.gone():
            return False
        while deadline.remaining() > PAUSE_SECONDS:
            try:
                return bool(_route.find(params, deadline).transports)
            except UnknownError:
                time.sleep(PAUSE_SECONDS)
    except (ApiError, Unreachable, DeadlineError):
        pass
    return False


def _result(route: Route, plan: VerificationPlan, gates: t.Sequence[Gate], checked: CheckOutcome, deadline: Deadline) -> Json:
    measured = measurements(checked, plan)
    judged = [_judge.judge(gate, measured) for gate in gates]
    conclusion = _report.conclude(plan.ask.model, checked.findings, judged, route.where)
    warnings = [f"{plan.ask.model}: {finding.message}" for finding in checked.findings if finding.warns]
    return {
        "verdict": conclusion.verdict,
        "code": conclusion.code,
        "message": conclusion.message,
        "via": route.via,
        "where": route.where,
        "subject": {"model": plan.ask.model, **route.subject},
        "pods": [transport.pod for transport in route.transports if transport.pod],
        "checks": [finding.entry() for finding in checked.findings],
        "latency": _report.latency(checked.run, plan.load, plan.slo) if checked.run else {},
        "gates": judged,
        "duration": round(deadline.elapsed(), 3),
    } | ({"warnings": warnings} if warnings else {})
