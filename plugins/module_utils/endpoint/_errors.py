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

#: Kind of a failed request to its code. An HTTP status that is not here has the code ``http_status``.
PROBE_CODES: t.Final[dict[str, str]] = {
    "aborted": "aborted",
    "answer": "bad_answer",
    "denied": "address_denied",
    "dns": "dns",
    "http_401": "key_refused",
    "http_403": "key_refused",
    "no_tokens": "empty_answer",
    "protocol": "not_http",
    "redirect": "redirect",
    "refused": "connection_refused",
    "reset": "connection_reset",
    "stream": "bad_stream",
    "timeout": "no_answer",
    "tls": "tls",
    "too_large": "too_large",
    "truncated": "truncated",
    "wrong_model": "wrong_model",
}


class ProbeError(Error):
    """One request failed. ``kind`` is a key of PROBE_CODES or ``http_<status>``; the result counts errors by it."""

    code = "http_status"

    def __init__(self, kind: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message, code=PROBE_CODES.get(kind, ""))
        self.kind = kind
        self.status = status


class UnknownError(Error):
    """Nothing was learned about the endpoint, because it was not reached. The verdict is inconclusive, not fail."""

    code = "no_transport"


class TransportLost(UnknownError):
    """The connection broke in between, not at the endpoint, during a request. A new one may hold."""

    code = "transport_lost"


MOST_LOST = 3


def held(ask: t.Callable[[], Given]) -> Given:
    """What ``ask`` returns; asked again, a few times at most, when the transport was lost under it."""
    for _lost in range(MOST_LOST):
        with contextlib.suppress(TransportLost):
            return ask()
    return ask()


def shown(text: object, limit: int = 200) -> str:
    """A server's words for a sentence of ours: one line, no control characters, bounded."""
    whole = text if isinstance(text, str) else str(text)
    safe = "".join(character if character.isprintable() else " " for character in whole[: limit * 4])
    line = " ".join(safe.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
