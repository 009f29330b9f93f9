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
_PIECE = 1 << 20
_LINE, _HEX = 1 << 12, re.compile(rb"[0-9A-Fa-f]{1,15}")
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
    """The whole body, unpacked. Raises HTTPException when it ends too early or never."""
    unpack = zlib.decompressobj(wbits=31) if response.getheader("Content-Encoding", "").lower() == "gzip" else None
    pieces, size = [], 0
    for piece in _chunks(response) if response.chunked else _plain(response):
        if unpack:
            piece = _unpacked(unpack, piece)
        size += len(piece)
        if size > LARGEST:
            raise _too_large()
        pieces.append(piece)
    # Nothing else says that the connection ended before Content-Length was reached, or in the middle of what was packed.
    if response.length or (unpack and not unpack.eof):
        raise http.client.IncompleteRead(b"", response.length)
    # Python 3.11 leaves an answer open that was read to its end.
    response.close()
    return b"".join(pieces)


def _too_large() -> TooLargeError:
    return TooLargeError(f"the answer is larger than {LARGEST >> 20} MiB")


def _plain(response: http.client.HTTPResponse) -> t.Iterator[bytes]:
    """In one piece where its length is known, which is then never copied."""
    if (response.length or 0) > LARGEST:
        raise _too_large()
    while piece := response.read(response.length or _PIECE):
        yield piece


def _chunks(response: http.client.HTTPResponse) -> t.Iterator[bytes]:
    """An API server sends one chunk for each item of a list; http.client takes half a dozen calls of Python's for each, and here it is three."""
    file = response.fp
    while size := _chunk_size(file.readline(_LINE)):
        while size:
            piece = file.read(min(size, _PIECE))
            if not piece:
                raise http.client.IncompleteRead(b"", size)
            size -= len(piece)
            yield piece
        if file.read(2) != b"\r\n":
            raise http.client.HTTPException("a chunk of the answer is longer than it says")
    for trailer in iter(lambda: file.readline(_LINE), b""):
        if not trailer.strip():
            return


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not _HEX.fullmatch(digits):
        raise http.client.IncompleteRead(b"") if not line else http.client.HTTPException(f"{line[:40]!r} is no chunk of an answer")
    return int(digits, 16)


def _unpacked(unpack: t.Any, piece: bytes) -> bytes:
    try:
        return t.cast(bytes, unpack.decompress(piece, LARGEST))
    except zlib.error as error:
        raise http.client.HTTPException(f"the packed answer is damaged: {error}") from error
