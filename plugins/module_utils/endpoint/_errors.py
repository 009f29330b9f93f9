# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What can go wrong between a prober and a server, each with the word that error rates are counted by."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import Error

Given = t.TypeVar("Given")


class ProbeError(Error):
    """One request failed. ``kind``: dns, refused, reset, timeout, tls, too_large, protocol, redirect, http_<status>, stream, truncated, aborted, answer."""

    def __init__(self, kind: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


class UnknownError(Error):
    """Nothing was learned about the endpoint: the way to it is what failed. The verdict is inconclusive, not fail."""


class WayLost(UnknownError):
    """The way ended while a request was on it, for a reason that is not the endpoint's. Asked again, it may hold."""


MOST_LOST = 3


def held(ask: t.Callable[[], Given]) -> Given:
    """What ``ask`` returns; asked again, a few times at most, when the way was lost under it."""
    for _lost in range(MOST_LOST):
        with contextlib.suppress(WayLost):
            return ask()
    return ask()


def shown(text: object, limit: int = 200) -> str:
    """A server's words for a sentence of ours: one line, no control characters, bounded."""
    whole = text if isinstance(text, str) else str(text)
    safe = "".join(character if character.isprintable() else " " for character in whole[: limit * 4])
    line = " ".join(safe.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
