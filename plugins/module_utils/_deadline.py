# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One total time budget, by the monotonic clock: wall clocks jump, and per-read timeouts never add up."""

from __future__ import annotations

import random
import time
import typing as t

from ._errors import DeadlineError


class Deadline:
    """Counts down ``seconds`` from its creation."""

    def __init__(self, seconds: float, *, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._start = clock()

    def elapsed(self) -> float:
        return self._clock() - self._start

    def remaining(self) -> float:
        return self.seconds - self.elapsed()

    def expired(self) -> bool:
        return self.remaining() <= 0

    def limit(self, seconds: float, what: str) -> float:
        """``seconds``, cut to what is left; raises DeadlineError naming ``what`` when nothing is."""
        left = self.remaining()
        if left <= 0:
            raise DeadlineError(f"{what} did not finish within {self.seconds:g} s")
        return min(seconds, left)


def backoff(first: float, longest: float, *, factor: float = 2.0, jitter: float = 0.2) -> t.Iterator[float]:
    """Endless delays in seconds: exponential from ``first`` to ``longest``, each spread by +-``jitter`` of itself."""
    delay = first
    while True:
        yield delay * random.uniform(1 - jitter, 1 + jitter)
        delay = min(delay * factor, longest)
