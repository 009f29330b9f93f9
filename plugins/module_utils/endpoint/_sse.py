# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Server-sent events, as the HTML standard parses them, fed with bytes however they arrive. Pure."""

from __future__ import annotations

from ._errors import ProbeError

EVENT_BYTES = 1 << 20


class Parser:
    """``feed`` returns the data of each event that is complete. An event that the end of the stream cuts off never comes out."""

    def __init__(self, cap: int = EVENT_BYTES) -> None:
        self._cap = cap
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0
        self._first = True
        self._after_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        events: list[bytes] = []
        for line in self._lines(piece):
            if line:
                self._take(line)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data, self._held = [], 0
        if self._held > self._cap:
            raise ProbeError("too_large", f"one event of its stream is larger than {self._cap} bytes")
        return events

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._after_return and piece:
            # The second half of a CR LF that was cut between two pieces.
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        self._held += len(piece)
        self._rest.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return []
        # Joined only when a line ends: a server that sends single bytes costs no more than any other.
        text = b"".join(self._rest)
        self._held -= len(text)
        self._after_return = text.endswith(b"\r")
        if self._first:
            text, self._first = text.removeprefix(b"\xef\xbb\xbf"), False
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, last = text.split(b"\n")
        self._rest = [last]
        self._held += len(last)
        return lines

    def _take(self, line: bytes) -> None:
        name, _colon, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._held += len(value)
