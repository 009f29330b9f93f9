# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Between http.client and a connection: one total deadline and one byte cap for everything a server sends.

A read timeout never fires against a server that sends a byte a second, and http.client reads headers on its own.
So both limits stand here, where every byte passes.
"""

from __future__ import annotations

import http.client
import io
import time
import typing as t

#: Several whole TLS records (16 KiB each): the default of 8 KiB reads each in two.
BUFFER_BYTES = 65536


class TooLargeError(http.client.HTTPException):
    """The answer has more bytes than it may have."""


class Pipe(t.Protocol):
    """What a socket can do, and a forwarded port as well."""

    def recv_into(self, buffer: memoryview, /) -> int: ...
    def sendall(self, data: t.Any, /) -> None: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


class Wire:
    """What http.client takes for its socket."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._until = 0.0
        self._left = 0
        self.received = 0

    def begin(self, until: float, cap: int) -> None:
        """A new request: its end by ``time.perf_counter()``, and how many bytes its answer may have."""
        self._until, self._left, self.received = until, cap, 0

    def sendall(self, data: t.Any) -> None:
        self._arm()
        self._pipe.sendall(data)

    def receive(self, buffer: memoryview) -> int:
        self._arm()
        count = self._pipe.recv_into(buffer)
        self.received += count
        self._left -= count
        if self._left < 0:
            raise TooLargeError("its answer is larger than the cap")
        return count

    def answer(self, method: str) -> http.client.HTTPResponse:
        """The answer's head; its body is read from what is returned."""
        response = http.client.HTTPResponse(t.cast(t.Any, self), method=method)
        response.begin()
        return response

    def makefile(self, mode: str, *_args: t.Any, **_kwargs: t.Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self), BUFFER_BYTES)

    def cut(self) -> None:
        self._pipe.close()

    def _arm(self) -> None:
        left = self._until - time.perf_counter()
        # Zero would mean "do not block" to a socket.
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._pipe.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        return self._wire.receive(memoryview(buffer))
