# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""HTTP connections whose answers are read within a time budget, however they come: dripped, cut off, packed, or without end."""

from __future__ import annotations

import functools
import http.client
import io
import json
import re
import socket
import ssl
import typing as t
import zlib

#: Largest answer that is held in memory. A page of 500 pods has 3 MB.
LARGEST = 1 << 30
_PIECE = 1 << 20
_LINE, _HEX = 1 << 12, re.compile(rb"[0-9A-Fa-f]{1,15}")
#: A whole TLS record: the default of 8 KiB reads each in two.
_BUFFER = 1 << 17

Left = t.Callable[[], float]


class NamedTLS(http.client.HTTPSConnection):
    """HTTPS to an address whose certificate may carry another name (kubeconfig's ``tls-server-name``)."""

    named: tuple[ssl.SSLContext, str | None]

    def connect(self) -> None:
        context, name = self.named
        if name is None:
            super().connect()
            return
        http.client.HTTPConnection.connect(self)
        self.sock = context.wrap_socket(self.sock, server_hostname=name)


def answers(left: Left) -> t.Any:
    """A ``response_class`` whose every read, of the header lines too, gets what ``left`` says in seconds."""
    return functools.partial(_answer, left)


def _answer(left: Left, sock: socket.socket, **options: t.Any) -> http.client.HTTPResponse:
    return http.client.HTTPResponse(t.cast(t.Any, _Bounded(sock, left)), **options)


class _Bounded:
    """Stands in for a socket where http.client makes its file: before every read the timeout becomes what is left."""

    def __init__(self, sock: socket.socket, left: Left) -> None:
        self._sock = sock
        self._left = left

    def makefile(self, mode: str, *_rest: object) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self._sock, self._left), _BUFFER)


class _Timed(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Left) -> None:
        super().__init__()
        self._sock = sock
        self._left = left
        # The socket's own file keeps it open until the answer is read, also when the connection is to be closed after it.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        self._sock.settimeout(self._left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


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
    # Python 3.11 leaves an answer open that was read to its end, and then the connection refuses the next request.
    response.close()
    return b"".join(pieces)


def _too_large() -> http.client.HTTPException:
    return http.client.HTTPException(f"the answer is larger than {LARGEST >> 20} MiB")


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


def continue_token(page: bytes) -> str:
    """The list's metadata stands before its items, so the first 4 KiB hold the token; else the whole page is parsed."""
    head = page[:4096]
    marker = head.find(b'"items":')
    if marker < 0:
        return t.cast(str, json.loads(page)["metadata"].get("continue", ""))
    start = head.find(b'"metadata":')
    if 0 <= start < marker:
        metadata, _end = json.JSONDecoder().raw_decode(head[start + len(b'"metadata":') :].decode().lstrip())
        return t.cast(str, metadata.get("continue", ""))
    return t.cast(str, json.loads(page)["metadata"].get("continue", ""))
