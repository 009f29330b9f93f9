# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The numbers of a run, and the verdict of a verification in one sentence. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..endpoint import _finding
from ..endpoint._finding import CheckVerdict, Finding
from ..endpoint._http import HIDDEN
from ..endpoint._load import Load, Run
from ..endpoint._stream import Sample
from ..gates import _statistics

Json = dict[str, t.Any]
METRICS = ("e2e", "ttft", "itl", "tpot")


def values(samples: t.Iterable[Sample], metric: str, *, scheduled: bool = False) -> list[float]:
    """The measured values of one metric; requests that failed have none. ``scheduled`` counts e2e and TTFT from the schedule."""
    found: list[float] = []
    for sample in samples:
        late = sample.sent - sample.start if scheduled else 0.0
        value = {"e2e": sample.latency, "ttft": sample.ttft, "tpot": sample.tpot}.get(metric)
        if metric == "itl":
            found += sample.gaps
        elif value is not None:
            found.append(value + late if metric != "tpot" else value)
    return found


def latency(run: Run, load: Load, slo: t.Mapping[str, float] | None = None) -> Json:
    """The result's ``latency``: seconds throughout. ``slo``: what a request must keep to count for goodput."""
    good = [sample for sample in run.samples if not sample.error]
    errors = collections.Counter(sample.error for sample in run.samples if sample.error)
    count = len(run.samples)
    numbers: Json = {metric: _rounded(_statistics.summary(values(good, metric))) for metric in METRICS}
    if load.rate:
        numbers["e2e_from_schedule"] = _rounded(_statistics.summary(values(good, "e2e", scheduled=True)))
        numbers["ttft_from_schedule"] = _rounded(_statistics.summary(values(good, "ttft", scheduled=True)))
    if slo:
        kept = sum(1 for sample in good if keeps(sample, slo, scheduled=load.rate > 0))
        numbers["goodput"] = {"requests": kept, "share": kept / count if count else None, "requests_per_second": _rate(kept, run.wall)}
    return numbers | {
        "method": _statistics.METHOD,
        "loop": "open" if load.rate else "closed",
        "concurrency": load.concurrency,
        "rate": load.rate,
        "requests": count,
        "warmup": run.warmups,
        "failed": sum(errors.values()),
        "errors": dict(errors),
        "error_rate": sum(errors.values()) / count if count else None,
        "duration": round(run.wall, 4),
        "requests_per_second": _rate(count, run.wall),
        "output_tokens_per_second": _rate(sum(sample.tokens for sample in good), run.wall),
        "prober_cpu_share": round(run.cpu_share, 3),
    }


def keeps(sample: Sample, slo: t.Mapping[str, float], *, scheduled: bool) -> bool:
    """Whether a request that succeeded kept every limit of the objective; one whose value is unknown did not break it."""
    return all(value <= limit for metric, limit in slo.items() for value in values([sample], metric, scheduled=scheduled))


@dataclasses.dataclass(frozen=True)
class Conclusion:
    """The verdict of the whole, in one sentence and by its code."""

    verdict: CheckVerdict
    message: str
    code: str


def conclude(model: str, findings: t.Sequence[Finding], gates: t.Sequence[Json], where: str) -> Conclusion:
    """What a person needs to know, the gravest thing first."""
    replaced = next((finding for finding in findings if finding.code == "pods_replaced"), None)
    if replaced:
        # Whatever else was found is about pods that are no longer those that were meant.
        return Conclusion("inconclusive", f"{model}: {_HEAD['inconclusive']}{replaced.message}", replaced.code)
    verdict = _finding.gravest([*(finding.verdict for finding in findings), *(gate["verdict"] for gate in gates)])
    if verdict == "skipped":
        # Nothing proves that it is right.
        return Conclusion("inconclusive", f"{model}: {_HEAD['inconclusive']}every check was skipped", code="nothing_checked")
    if verdict == "pass":
        done = sum(1 for finding in findings if finding.verdict == "pass")
        met = f" and {len(gates)} gates" if len(gates) > 1 else " and its gate" if gates else ""
        return Conclusion("pass", f"{model} serves at {where}: {done} checks{met} passed", code="verified")
    for finding in findings:
        if finding.verdict == verdict:
            place = f" at pod {finding.pod}" if finding.pod and finding.pod not in finding.message else ""
            return Conclusion(verdict, f"{model}: {_HEAD[verdict]}{finding.name}{place}: {finding.message}", finding.code)
    gate = next(gate for gate in gates if gate["verdict"] == verdict)
    return Conclusion(verdict, f"{model}: {_HEAD[verdict]}gate {gate['name']}: {gate['message']}", gate["code"])


def hidden(value: t.Any, secrets: t.Collection[str]) -> t.Any:
    """``value`` without ``secrets``, wherever a server's words brought them in."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN.decode())
        return value
    if isinstance(value, dict):
        return {name: hidden(item, secrets) for name, item in value.items()}
    return [hidden(item, secrets) for item in value] if isinstance(value, list) else value


_HEAD = {"fail": "", "inconclusive": "inconclusive, "}


def _rounded(summary: t.Mapping[str, float | int]) -> Json:
    return {name: value if isinstance(value, int) else round(value, 6) for name, value in summary.items()}


def _rate(amount: float, seconds: float) -> float | None:
    return round(amount / seconds, 3) if seconds > 0 else None
