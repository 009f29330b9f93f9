# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A gate against what was measured. Pure."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ..endpoint._statistics import percentile
from . import _confidence
from ._gate import Gate, Json, VerdictName


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What was measured. ``values``: by metric, a failed request is infinite. ``figures``: single numbers by gate name. ``doubt``: why not to believe it."""

    values: t.Mapping[str, t.Sequence[float]] = dataclasses.field(default_factory=dict)
    requests: int = 0
    failed: int = 0
    figures: t.Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    doubt: str = ""


@dataclasses.dataclass(frozen=True)
class Judged:
    """``sure`` is the confidence that the verdict has by itself; None where no sample is behind it."""

    verdict: VerdictName
    message: str
    observed: float | None
    samples: int
    sure: float | None = None


def judge(gate: Gate, evidence: Evidence) -> Json:
    """One entry of the result's ``gates``."""
    judged = _JUDGES[gate.source](gate, evidence)
    if evidence.doubt and judged.samples:
        judged = dataclasses.replace(judged, verdict="inconclusive", message=evidence.doubt)
    return {
        "name": gate.name,
        "verdict": judged.verdict,
        "observed": _plain(judged.observed),
        "limit": gate.limit,
        "samples": judged.samples,
        "min_samples": gate.min_samples if gate.min_samples is not None else _needed(gate),
        "confidence": None if judged.sure is None else round(judged.sure, 4),
        "message": judged.message,
    }


def _plain(observed: float | None) -> float | str | None:
    """JSON has no infinity."""
    if observed is None:
        return None
    return round(observed, 6) if math.isfinite(observed) else "inf"


def _percentile(gate: Gate, evidence: Evidence) -> Judged:
    ordered = sorted(evidence.values.get(gate.metric, ()))
    if not ordered:
        return _no_data(gate)
    over = sum(1 for value in ordered if value > gate.limit)
    observed = percentile(ordered, gate.percentile)
    said = "infinite, by failed requests" if math.isinf(observed) else f"{observed:.3g} s"
    words = f"P{gate.percentile:g} is {said} over {len(ordered)} samples, {over} above {gate.limit:g} s"
    return _share(gate, words, over, len(ordered), 1 - gate.percentile / 100, observed, observed <= gate.limit)


def _rate(gate: Gate, evidence: Evidence) -> Judged:
    if not evidence.requests:
        return _no_data(gate)
    observed = evidence.failed / evidence.requests
    words = f"{evidence.failed} of {evidence.requests} requests failed, {observed:.2%} where {gate.limit:.2%} may"
    if not gate.limit:
        # No sample proves that nothing ever fails; so many are asked for, and none may fail.
        met, enough = not evidence.failed, evidence.requests >= (gate.min_samples or 1)
        return Judged("fail" if not met else "pass" if enough else "inconclusive", words, observed, evidence.requests)
    return _share(gate, words, evidence.failed, evidence.requests, gate.limit, observed, observed <= gate.limit)


def _share(gate: Gate, words: str, over: int, count: int, share: float, observed: float, met: bool) -> Judged:
    """A limit on the share of requests that may be beyond something: proven, refuted, or neither."""
    below, above = _confidence.proves_below(over, count, share), _confidence.proves_above(over, count, share)
    if gate.min_samples is not None and count >= gate.min_samples:
        return Judged("pass" if met else "fail", f"{words} (held at {below if met else above:.0%} confidence)", observed, count, below if met else above)
    if above >= gate.confidence:
        return Judged("fail", words, observed, count, above)
    if gate.min_samples is not None:
        return Judged("inconclusive", f"{words}; {gate.min_samples} samples are asked for", observed, count, below)
    if below >= gate.confidence:
        return Judged("pass", words, observed, count, below)
    more = _confidence.needed(share, gate.confidence, over)
    hint = f"{more} samples with no more than {over} beyond it would prove it at {gate.confidence:.0%}"
    return Judged("inconclusive", f"{words}; {hint}, {count} prove it at {below:.0%}", observed, count, below)


def _figure(gate: Gate, evidence: Evidence) -> Judged:
    observed = evidence.figures.get(gate.name)
    if observed is None:
        return _no_data(gate)
    count = evidence.requests if gate.source == "least" else 1
    words = f"{observed:.3g}{gate.unit}, and {gate.limit:g}{gate.unit} is the {'least' if gate.source == 'least' else 'most'}"
    if gate.min_samples is not None and count < gate.min_samples:
        return Judged("inconclusive", f"{words}; {count} of the {gate.min_samples} samples asked for", observed, count)
    met = observed >= gate.limit if gate.source == "least" else observed <= gate.limit
    return Judged("pass" if met else "fail", words, observed, count)


def _no_data(gate: Gate) -> Judged:
    return Judged("inconclusive", "nothing was measured for it", None, 0)


def _needed(gate: Gate) -> int:
    share = {"percentile": 1 - gate.percentile / 100, "share": gate.limit}.get(gate.source, 0.0)
    return _confidence.needed(share, gate.confidence) if share else 1


_JUDGES: dict[str, t.Callable[[Gate, Evidence], Judged]] = {"percentile": _percentile, "share": _rate, "most": _figure, "least": _figure}
