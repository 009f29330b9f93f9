# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times and sizes drawn from seeded distributions, so that a load test can be compared with what was asked for."""

from __future__ import annotations

import dataclasses
import math
import random


@dataclasses.dataclass(frozen=True, slots=True)
class Distribution:
    """``5`` is always 5; ``5~0.3`` is lognormal with median 5 and sigma 0.3; ``1..2`` is uniform."""

    low: float
    high: float
    sigma: float

    @classmethod
    def parse(cls, text: str) -> Distribution:
        try:
            if "~" in text:
                median, sigma = (float(part) for part in text.split("~"))
                return cls._checked(text, median, median, sigma)
            if ".." in text:
                low, high = (float(part) for part in text.split(".."))
                return cls._checked(text, low, high, 0.0)
            return cls._checked(text, float(text), float(text), 0.0)
        except ValueError:
            raise ValueError(f"{text!r} is not a distribution: write 5, 5~0.3 (median~sigma) or 1..2 (from..to)") from None

    @classmethod
    def _checked(cls, text: str, low: float, high: float, sigma: float) -> Distribution:
        if not (0 <= low <= high and sigma >= 0 and math.isfinite(high) and math.isfinite(sigma)):
            raise ValueError(text)
        return cls(low, high, sigma)

    def __str__(self) -> str:
        if self.sigma:
            return f"{self.low:g}~{self.sigma:g}"
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g}..{self.high:g}"

    def sample(self, source: random.Random) -> float:
        if self.sigma:
            return self.low * math.exp(self.sigma * source.gauss(0.0, 1.0))
        return self.low if self.low == self.high else source.uniform(self.low, self.high)
