# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy's admin socket: one command a connection, as its manual describes it (section 9.3). The map is replaced in one step."""

from __future__ import annotations

import re
import socket
import typing as t

#: HAProxy takes a command and its payload into one buffer, whose size is tune.bufsize.
PAYLOAD_BYTES = 8_000


class HaproxyError(Exception):
    """What HAProxy answered instead of doing it; the sentence says how to mend it."""


class Admin:
    """``address`` is the path of a Unix socket, or host:port."""

    def __init__(self, address: str, map_name: str, seconds: float = 5.0) -> None:
        self._address = address
        self._map = map_name
        self._seconds = seconds

    def get(self, key: str) -> str:
        """The value of a key in the running map; empty without one."""
        found = re.search(r'value="(.*)", type=', self._ask(f"get map {self._map} {key}"))
        return found[1] if found else ""

    def replace(self, entries: t.Mapping[str, str]) -> None:
        """The new map is made beside the old one, and then takes its place at once."""
        found = re.search(r"New version created: (\d+)", self._ask(f"prepare map {self._map}"))
        if not found:
            raise HaproxyError(f"HAProxy at {self._address} cannot prepare {self._map}")
        version = found[1]
        for part in parts(entries):
            said = self._ask(f"add map @{version} {self._map} <<\n{part}")
            if said:
                raise HaproxyError(f"HAProxy at {self._address} refused an entry of {self._map}: {said.splitlines()[0]}")
        said = self._ask(f"commit map @{version} {self._map}")
        if said:
            raise HaproxyError(f"HAProxy at {self._address} did not commit {self._map}: {said.splitlines()[0]}")

    def _ask(self, command: str) -> str:
        answer = self._send(command.encode() + b"\n").decode("utf-8", "replace").strip()
        if answer.startswith(("Unknown map", "Unknown command", "Permission denied")):
            said = answer.splitlines()[0]
            raise HaproxyError(f"HAProxy at {self._address} answers {said!r}: its configuration must use the map {self._map}, and the socket needs level admin")
        return answer

    def _send(self, command: bytes) -> bytes:
        with self._connect() as wire:
            wire.sendall(command)
            pieces = []
            while piece := wire.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)

    def _connect(self) -> socket.socket:
        host, colon, port = self._address.rpartition(":")
        if colon and port.isdigit() and "/" not in host:
            return socket.create_connection((host, int(port)), self._seconds)
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(self._seconds)
        try:
            wire.connect(self._address)
        except OSError:
            wire.close()
            raise
        return wire


def parts(entries: t.Mapping[str, str]) -> t.Iterator[str]:
    """The entries as payloads that fit into HAProxy's buffer."""
    lines: list[str] = []
    size = 0
    for key, value in sorted(entries.items()):
        line = f"{key} {value}\n"
        if lines and size + len(line.encode()) > PAYLOAD_BYTES:
            yield "".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line.encode())
    yield "".join(lines)
