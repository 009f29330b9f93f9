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

from . import _confidence
from ._gate import Gate, Json, VerdictName
from ._statistics import percentile


@dataclasses.dataclass(frozen=True)
class Measurements:
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
    code: str = ""


#: What a verdict means, where nothing more special is known. Inconclusive here always lacks samples.
VERDICT_CODES: t.Final[dict[VerdictName, str]] = {"pass": "met", "fail": "exceeded", "inconclusive": "too_few_samples"}


def judge(gate: Gate, measured: Measurements) -> Json:
    """One entry of the result's ``gates``."""
    judged = _JUDGES[gate.source](gate, measured)
    if measured.doubt and judged.samples:
        judged = dataclasses.replace(judged, verdict="inconclusive", message=measured.doubt, code="prober_busy")
    return {
        "name": gate.name,
        "verdict": judged.verdict,
        "code": judged.code or VERDICT_CODES[judged.verdict],
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


def _percentile(gate: Gate, measured: Measurements) -> Judged:
    ordered = sorted(measured.values.get(gate.metric, ()))
    if not ordered:
        return _no_data(gate)
    over = sum(1 for value in ordered if value > gate.limit)
    observed = percentile(ordered, gate.percentile)
    value = "infinite, because requests failed" if math.isinf(observed) else f"{observed:.3g} s"
    words = f"P{gate.percentile:g} is {value} over {len(ordered)} samples, {over} above {gate.limit:g} s"
    return _share(gate, words, over, len(ordered), 1 - gate.percentile / 100, observed, observed <= gate.limit)


def _rate(gate: Gate, measured: Measurements) -> Judged:
    if not measured.requests:
        return _no_data(gate)
    observed = measured.failed / measured.requests
    words = f"{measured.failed} of {measured.requests} requests failed, {observed:.2%}; the limit is {gate.limit:.2%}"
    if not gate.limit:
        # No sample proves that nothing ever fails; so many are asked for, and none may fail.
        met, enough = not measured.failed, measured.requests >= (gate.min_samples or 1)
        return Judged("fail" if not met else "pass" if enough else "inconclusive", words, observed, measured.requests)
    return _share(gate, words, measured.failed, measured.requests, gate.limit, observed, observed <= gate.limit)


def _share(gate: Gate, words: str, over: int, count: int, share: float, observed: float, met: bool) -> Judged:
    """A limit on the share of requests that may be beyond something: proven, refuted, or neither."""
    below, above = _confidence.proves_below(over, count, share), _confidence.proves_above(over, count, share)
    if gate.min_samples is not None and count >= gate.min_samples:
        return Judged("pass" if met else "fail", f"{words} ({percent(below if met else above)} confidence)", observed, count, below if met else above)
    if above >= gate.confidence:
        return Judged("fail", words, observed, count, above)
    if gate.min_samples is not None:
        return Judged("inconclusive", f"{words}; the gate asks for {gate.min_samples} samples", observed, count, below)
    if below >= gate.confidence:
        return Judged("pass", words, observed, count, below)
    more = _confidence.needed(share, gate.confidence, over)
    allowed = f"no more than {over} above" if over else "none above"
    hint = f"needs {more} samples with {allowed} the limit ({percent(gate.confidence)} confidence)"
    return Judged("inconclusive", f"{words}; {hint}; {count} give {percent(below)}", observed, count, below)


def _figure(gate: Gate, measured: Measurements) -> Judged:
    observed = measured.figures.get(gate.name)
    if observed is None:
        return _no_data(gate)
    count = measured.requests if gate.source == "least" else 1
    words = f"{observed:.3g}{gate.unit}; the {'minimum' if gate.source == 'least' else 'maximum'} is {gate.limit:g}{gate.unit}"
    if gate.min_samples is not None and count < gate.min_samples:
        return Judged("inconclusive", f"{words}; only {count} of the {gate.min_samples} samples that the gate asks for", observed, count)
    met = observed >= gate.limit if gate.source == "least" else observed <= gate.limit
    return Judged("pass" if met else "fail", words, observed, count)


def percent(share: float) -> str:
    """Rounded down: 94.9 % is not 95 %."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:g} %"


def _no_data(gate: Gate) -> Judged:
    return Judged("inconclusive", "nothing was measured for this gate", None, 0, code="no_data")


def _needed(gate: Gate) -> int:
    share = {"percentile": 1 - gate.percentile / 100, "share": gate.limit}.get(gate.source, 0.0)
    return _confidence.needed(share, gate.confidence) if share else 1


_JUDGES: dict[str, t.Callable[[Gate, Measurements], Judged]] = {"percentile": _percentile, "share": _rate, "most": _figure, "least": _figure}
