# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What one check found. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import DeadlineError
from ._errors import ProbeError, UnknownError

VerdictName = t.Literal["pass", "fail", "inconclusive", "skipped"]
# From harmless to grave: of several pods, the gravest speaks for the check.
GRAVITY: tuple[VerdictName, ...] = ("skipped", "pass", "inconclusive", "fail")


@dataclasses.dataclass(frozen=True)
class Finding:
    """``message`` is one sentence; ``observed`` and ``expected`` are for machines. ``warns``: it passed, and somebody should act all the same."""

    verdict: VerdictName
    message: str
    observed: t.Any = None
    expected: t.Any = None
    name: str = ""
    pod: str = ""
    duration: float = 0.0
    warns: bool = False

    def entry(self) -> dict[str, t.Any]:
        entry: dict[str, t.Any] = {"name": self.name, "verdict": self.verdict, "message": self.message, "observed": self.observed, "expected": self.expected}
        return entry | ({"pod": self.pod} if self.pod else {}) | {"duration": round(self.duration, 4)}


def passed(message: str, observed: t.Any = None, expected: t.Any = None) -> Finding:
    return Finding("pass", message, observed, expected)


def failed(message: str, observed: t.Any = None, expected: t.Any = None) -> Finding:
    return Finding("fail", message, observed, expected)


def skipped(message: str, observed: t.Any = None, expected: t.Any = None) -> Finding:
    return Finding("skipped", message, observed, expected)


def of_error(error: ProbeError | UnknownError | DeadlineError) -> Finding:
    """A request that failed fails its check; a way that failed says nothing about the endpoint."""
    if isinstance(error, ProbeError):
        return Finding("fail", str(error), error.kind)
    return Finding("inconclusive", str(error))


def gravest(verdicts: t.Iterable[VerdictName]) -> VerdictName:
    return max(verdicts, key=GRAVITY.index, default="skipped")
