# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A request's first lines, and an answer's whole body however it comes: in one piece, in chunks, packed, cut off, or without end."""

from __future__ import annotations

import http.client
import re
import typing as t
import zlib

from ._wire import TooLargeError

#: Largest answer that is held in memory. A page of 500 pods has 3 MB.
LARGEST = 1 << 30
_PIECE = 1 << 16
_ENDS_LINE = re.compile(r"[\r\n\0]")

#: Pairs, since a name may come more than once (Impersonate-Group).
Headers = t.Sequence[tuple[str, str]]


class NotSentError(ValueError):
    """The request cannot be written as HTTP; nothing was sent."""


def head(method: str, target: str, headers: Headers) -> bytes:
    """The request's first lines. What would end a line would begin another request, so it is refused."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if any(_ENDS_LINE.search(line) for line in lines) or " " in target:
        raise NotSentError("not sent: a header or the path has a line break, a NUL or a space in it")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError as error:
        raise NotSentError(f"not sent: HTTP's headers cannot carry {error.object[error.start]!r}") from error


def body(response: http.client.HTTPResponse) -> bytes:
    """The whole body, unpacked. Raises HTTPException when it ends too early or never.

    http.client puts chunks together: a loop of our own took the same time (20 ms for 10 MB in chunks of 2 KiB, 2026-11).
    """
    if (response.length or 0) > LARGEST:
        raise _too_large()
    # In one piece where its length is known. Never so where a chunk says its size: memory would be taken for any size that is said.
    whole = response.read() if response.length else b"".join(iter(lambda: response.read1(_PIECE), b""))
    # Python 3.11 leaves an answer open that was read to its end.
    response.close()
    return _unpacked(whole) if response.getheader("Content-Encoding", "").lower() == "gzip" else whole


def _too_large() -> TooLargeError:
    return TooLargeError(f"the answer is larger than {LARGEST >> 20} MiB")


def _unpacked(packed: bytes) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    try:
        whole = unpack.decompress(packed, LARGEST)
    except zlib.error as error:
        raise http.client.HTTPException(f"the packed answer is damaged: {error}") from error
    if unpack.unconsumed_tail:
        raise _too_large()
    # Nothing else says that it ended in the middle of what was packed.
    if not unpack.eof:
        raise http.client.IncompleteRead(packed)
    return whole
