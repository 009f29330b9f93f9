# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Percentiles as numpy's default and ``vllm bench serve`` compute them. Pure."""

from __future__ import annotations

import math
import typing as t

METHOD = "linear interpolation (numpy default): rank = p / 100 * (n - 1)"
PERCENTILES = (50, 90, 95, 99)


def percentile(ordered: t.Sequence[float], p: float) -> float:
    """The ``p``-th percentile of sorted values; infinite values (failed requests) may stand at the end."""
    if not ordered:
        raise ValueError("no values")
    rank = p / 100 * (len(ordered) - 1)
    below = math.floor(rank)
    share = rank - below
    low = ordered[below]
    # No term for the upper neighbour at a share of nothing: infinity times zero is not a number.
    if share == 0 or low == ordered[below + 1]:
        return low
    high = ordered[below + 1]
    # From the nearer end, as numpy does: the result can then never leave the interval by rounding.
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share) if math.isfinite(high) else high


def summary(values: t.Iterable[float]) -> dict[str, float | int]:
    """Count, mean, extremes and percentiles; only the count when there is nothing else."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    result: dict[str, float | int] = {"count": len(ordered), "mean": math.fsum(ordered) / len(ordered), "min": ordered[0], "max": ordered[-1]}
    return result | {f"p{p}": percentile(ordered, p) for p in PERCENTILES}
