# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Thresholds as data: a name, a limit, the number of samples and the confidence. Pure.

Three verdicts. A limit that was not proven is not met: with no data, or too little, the verdict is inconclusive, never pass.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._errors import InputError

Json = dict[str, t.Any]
VerdictName = t.Literal["pass", "fail", "inconclusive"]
Source = t.Literal["percentile", "share", "least", "most"]

CONFIDENCE = 0.95
_PERCENTILE = re.compile(r"(?:p(?P<first>\d{2})_(?P<one>e2e|ttft|itl|tpot)|(?P<two>e2e|ttft|itl|tpot)_p(?P<second>\d{2}))_seconds")
# name -> (what the limit is, its unit)
_OTHERS: dict[str, tuple[Source, str]] = {
    "error_rate": ("share", ""),
    "completion_seconds": ("most", " s"),
    "output_tokens_per_second": ("least", " tokens/s"),
    "requests_per_second": ("least", " requests/s"),
    "goodput_requests_per_second": ("least", " requests/s"),
}
_FIELDS = {"max", "min", "min_samples", "confidence"}


@dataclasses.dataclass(frozen=True)
class Gate:
    """``min_samples`` None: as many as the confidence needs. A number: so many are enough, and the percentile of the sample decides."""

    name: str
    source: Source
    limit: float
    unit: str
    metric: str = ""
    percentile: float = 0.0
    min_samples: int | None = None
    confidence: float = CONFIDENCE


def parse(given: t.Mapping[str, t.Any]) -> list[Gate]:
    """The option ``gates``: each a number, or a dictionary with ``max`` (or ``min``), ``min_samples`` and ``confidence``."""
    return [_one(str(name), value) for name, value in given.items()]


def _one(name: str, value: t.Any) -> Gate:
    fields = dict(value) if isinstance(value, t.Mapping) else None
    match = _PERCENTILE.fullmatch(name)
    if match is None and name not in _OTHERS:
        known = ", ".join(sorted(_OTHERS))
        raise InputError(f"gates: {name!r} is not a gate; known gates are {known}, and pNN_{{e2e,ttft,itl,tpot}}_seconds such as p95_e2e_seconds")
    source, unit = ("percentile", " s") if match else _OTHERS[name]
    word = "min" if source == "least" else "max"
    if fields is not None and set(fields) - (_FIELDS - {"min", "max"} | {word}):
        raise InputError(f"gates: {name} takes {word}, min_samples and confidence, not {', '.join(sorted(set(fields) - _FIELDS | {'min', 'max'} - {word}))}")
    limit = _number(name, word, value if fields is None else fields.get(word), share=source == "share")
    gate = Gate(name, t.cast(Source, source), limit, unit, **_options(name, fields or {}))
    if match is None:
        return gate
    percentile = float(match["first"] or match["second"])
    if not percentile:
        raise InputError(f"gates: {name} asks for the 0th percentile; use p01 to p99")
    return dataclasses.replace(gate, metric=match["one"] or match["two"], percentile=percentile)


def _options(name: str, fields: t.Mapping[str, t.Any]) -> Json:
    options: Json = {}
    if fields.get("min_samples") is not None:
        count = _number(name, "min_samples", fields["min_samples"])
        if count < 1 or count != int(count):
            raise InputError(f"gates: min_samples of {name} must be a whole number of at least 1")
        options["min_samples"] = int(count)
    if fields.get("confidence") is not None:
        options["confidence"] = _number(name, "confidence", fields["confidence"])
        if not 0.5 <= options["confidence"] < 1:
            raise InputError(f"gates: confidence of {name} must be between 0.5 and 1, such as 0.95")
    return options


def _number(name: str, word: str, value: t.Any, *, share: bool = False) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"gates: {word} of {name} must be a number, not {value!r}") from error
    if not 0 <= number < float("inf") or (share and number >= 1) or (not share and word == "max" and not number):
        raise InputError(f"gates: {word} of {name} is {number:g}, which is not {'a share between 0 and 1' if share else 'above 0'}")
    return number
