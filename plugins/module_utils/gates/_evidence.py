# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a verification measured, as the gates look at it. Pure."""

from __future__ import annotations

import typing as t

from ..endpoint import _report
from ..endpoint._finding import Finding
from ..endpoint._load import Run
from ..endpoint._verify import Outcome, Plan
from ._judge import Evidence

# More than this of a core, and the latencies are the prober's own. A run that is over sooner says nothing about that.
MOST_CPU_SHARE = 0.5
LEAST_SECONDS = 0.5


def evidence(outcome: Outcome, plan: Plan) -> Evidence:
    """What the gates look at; a failed request counts as infinitely slow, so that a fast error never improves a percentile."""
    figures = {"completion_seconds": _slowest(outcome.findings)}
    run = outcome.run
    if run is None or not run.samples:
        return Evidence(figures=figures)
    bad = sum(1 for sample in run.samples if sample.error)
    good = [sample for sample in run.samples if not sample.error]
    values = {metric: [*_report.values(good, metric, scheduled=plan.load.rate > 0), *[float("inf")] * bad] for metric in _report.METRICS}
    numbers = _report.latency(run, plan.load, plan.slo)
    figures |= {name: numbers[name] for name in ("output_tokens_per_second", "requests_per_second")}
    figures["goodput_requests_per_second"] = numbers.get("goodput", {}).get("requests_per_second")
    return Evidence(values, len(run.samples), bad, figures, _doubt(run))


def _slowest(findings: t.Sequence[Finding]) -> float | None:
    """The first whole answer of each server; the slowest counts."""
    seconds = [finding.observed["seconds"] for finding in findings if finding.name in ("chat", "completion", "embedding") and finding.verdict == "pass"]
    return max(seconds, default=None)


def _doubt(run: Run) -> str:
    if run.wall < LEAST_SECONDS or run.cpu_share <= MOST_CPU_SHARE:
        return ""
    return f"the prober itself used {run.cpu_share:.0%} of a core, so the latencies are partly its own; lower concurrency or rate, or run it on another machine"
