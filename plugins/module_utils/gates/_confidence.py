# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a small sample can prove about a percentile or a rate: the binomial distribution, and nothing assumed about the latencies. Pure."""

from __future__ import annotations

import math


def at_most(count: int, trials: int, chance: float) -> float:
    """P(X <= count) for X ~ Binomial(trials, chance)."""
    if count < 0:
        return 0.0
    if count >= trials or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    logs = (_log_term(hits, trials, chance) for hits in range(count + 1))
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def proves_below(over: int, samples: int, share: float) -> float:
    """The confidence with which ``over`` of ``samples`` beyond a limit prove that at most ``share`` of all requests are beyond it."""
    return 1.0 - at_most(over, samples, share) if samples else 0.0


def proves_above(over: int, samples: int, share: float) -> float:
    """The confidence with which they prove that more than ``share`` are beyond it."""
    return at_most(over - 1, samples, share) if samples else 0.0


def needed(share: float, confidence: float, over: int = 0) -> int:
    """The smallest sample in which ``over`` beyond the limit still prove it: 59 for a P95 at 95 % with none over."""
    if not (0 < share < 1 and 0 < confidence < 1):
        raise ValueError("share and confidence must be between 0 and 1")
    low, high = over + 1, over + 1
    while proves_below(over, high, share) < confidence:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if proves_below(over, middle, share) >= confidence:
            high = middle
        else:
            low = middle + 1
    return low


def _log_term(hits: int, trials: int, chance: float) -> float:
    choose = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return choose + hits * math.log(chance) + (trials - hits) * math.log1p(-chance)
