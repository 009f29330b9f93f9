# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""An endpoint's checks, measurements and gates put together: the result of ``vllm_endpoint_verify``."""

from __future__ import annotations

import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from ..cluster._client import ApiError, Unreachable
from ..endpoint import _finding, _report, _route
from ..endpoint._errors import UnknownError
from ..endpoint._finding import Finding
from ..endpoint._load import Load, Progress, Run
from ..endpoint._route import Route
from ..endpoint._verify import Outcome, Plan, verify
from . import _judge
from ._gate import Gate, Json

# More than this of a core, and the latencies are the prober's own. A run that is over sooner says nothing about that.
MOST_CPU_SHARE = 0.5
LEAST_SECONDS = 0.5


def verification(params: t.Mapping[str, t.Any], plan: Plan, gates: t.Sequence[Gate], deadline: Deadline, progress: Progress | None = None) -> Json:
    """Verifies and judges. What an endpoint does wrong is in the result; only options that cannot be right raise."""
    try:
        route = _route.find(params, deadline)
    except (UnknownError, DeadlineError, ApiError, Unreachable) as error:
        # It could not even be looked for, which says nothing about it.
        return result(Route(params["way"], "", ()), plan, gates, Outcome([Finding("inconclusive", str(error), name="reach")]), deadline)
    return result(route, plan, gates, verify(route.ways, plan, deadline, progress), deadline)


def result(route: Route, plan: Plan, gates: t.Sequence[Gate], outcome: Outcome, deadline: Deadline) -> Json:
    found = evidence(outcome, plan.load)
    judged = [_judge.judge(gate, found) for gate in gates]
    verdict = _finding.gravest([outcome.verdict, *(gate["verdict"] for gate in judged)])
    if verdict == "skipped":
        # Nothing said that it is right.
        verdict = "inconclusive"
    return {
        "verdict": verdict,
        "message": _report.sentence(plan.ask.model, verdict, outcome.findings, judged, route.where),
        "way": route.way,
        "where": route.where,
        "pods": [way.pod for way in route.ways if way.pod],
        "checks": [finding.entry() for finding in outcome.findings],
        "latency": _report.latency(outcome.run, plan.load) if outcome.run else {},
        "gates": judged,
        "duration": round(deadline.elapsed(), 3),
    }


def evidence(outcome: Outcome, load: Load) -> _judge.Evidence:
    """What the gates look at; a failed request counts as infinitely slow, so that a fast error never improves a percentile."""
    figures = {"completion_seconds": _slowest(outcome.findings)}
    run = outcome.run
    if run is None or not run.samples:
        return _judge.Evidence(figures=figures)
    bad = sum(1 for sample in run.samples if sample.error)
    good = [sample for sample in run.samples if not sample.error]
    values = {metric: [*_report.values(good, metric, scheduled=load.rate > 0), *[float("inf")] * bad] for metric in _report.METRICS}
    numbers = _report.latency(run, load)
    figures |= {name: numbers[name] for name in ("output_tokens_per_second", "requests_per_second")}
    return _judge.Evidence(values, len(run.samples), bad, figures, _doubt(run))


def _slowest(findings: t.Sequence[Finding]) -> float | None:
    """The first whole answer of each server; the slowest counts."""
    seconds = [finding.observed["seconds"] for finding in findings if finding.name in ("chat", "completion", "embedding") and finding.verdict == "pass"]
    return max(seconds, default=None)


def _doubt(run: Run) -> str:
    if run.wall < LEAST_SECONDS or run.cpu_share <= MOST_CPU_SHARE:
        return ""
    return f"the prober itself used {run.cpu_share:.0%} of a core, so the latencies are partly its own; lower concurrency or rate, or run it on another machine"
