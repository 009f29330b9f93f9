# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What one check found. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import Error
from ._errors import ProbeError

CheckVerdict = t.Literal["pass", "fail", "inconclusive", "skipped"]
# From harmless to grave: of several pods, the gravest speaks for the check.
GRAVITY: tuple[CheckVerdict, ...] = ("skipped", "pass", "inconclusive", "fail")


@dataclasses.dataclass(frozen=True)
class Finding:
    """``message`` is one sentence; ``code``, ``observed`` and ``expected`` are for machines. ``warns``: it passed, and somebody should act all the same."""

    verdict: CheckVerdict
    message: str
    observed: t.Any = None
    expected: t.Any = None
    name: str = ""
    pod: str = ""
    duration: float = 0.0
    warns: bool = False
    code: str = "ok"

    def entry(self) -> dict[str, t.Any]:
        entry: dict[str, t.Any] = {"name": self.name, "verdict": self.verdict, "code": self.code, "message": self.message}
        entry |= {"observed": self.observed, "expected": self.expected}
        return entry | ({"pod": self.pod} if self.pod else {}) | {"duration": round(self.duration, 4)}


def passed(message: str, observed: t.Any = None, expected: t.Any = None) -> Finding:
    return Finding("pass", message, observed, expected)


def failed(message: str, observed: t.Any = None, expected: t.Any = None, *, code: str) -> Finding:
    return Finding("fail", message, observed, expected, code=code)


def inconclusive(message: str, observed: t.Any = None, expected: t.Any = None, *, code: str) -> Finding:
    return Finding("inconclusive", message, observed, expected, code=code)


def skipped(message: str, observed: t.Any = None, expected: t.Any = None, *, code: str) -> Finding:
    return Finding("skipped", message, observed, expected, code=code)


def of_error(error: Error) -> Finding:
    """A request that failed fails its check; anything else that went wrong says nothing about the endpoint."""
    if isinstance(error, ProbeError):
        return failed(str(error), error.status, code=error.code)
    return inconclusive(str(error), code=error.code)


def of_status(status: int, message: str, observed: t.Any = None, expected: t.Any = None) -> Finding:
    """A failure by the HTTP status of the answer."""
    return failed(message, status if observed is None else observed, expected, code="key_refused" if status in (401, 403) else "http_status")


def gravest(verdicts: t.Iterable[CheckVerdict]) -> CheckVerdict:
    return max(verdicts, key=GRAVITY.index, default="skipped")
