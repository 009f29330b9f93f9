"""A TCP proxy in front of PostgreSQL that breaks connections in the ways networks do."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
import typing as t

#: pass: as it comes. refuse: no new connections. blackhole: swallow everything, both ways. reset: break at once.
#: commit_*: pass until a COMMIT comes; then break before it is sent on, after it is sent on, or swallow it or its answer.
Mode = t.Literal["pass", "refuse", "blackhole", "reset", "delay", "commit_cut_before", "commit_cut_after", "commit_swallow", "commit_swallow_answer"]


class Proxy:
    """``mode`` holds for new and for open connections; ``once`` goes back to passing after the first COMMIT it broke."""

    def __init__(self, port: int, *, mode: Mode = "pass", once: bool = False, seed: int = 0) -> None:
        self.mode: Mode = mode
        self.once = once
        self.broken = 0
        self.random = random.Random(seed)
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_open()

    def break_open(self) -> None:
        """Reset all open connections."""
        with self._lock:
            sockets, self._open = self._open, set()
        for one in sockets:
            _reset(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self.mode in ("refuse", "reset"):
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._to), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            link = _Link(self, client, server)
            with self._lock:
                self._open |= {client, server}
            for function in (link.upstream, link.downstream):
                threading.Thread(target=function, daemon=True).start()

    def break_commit(self) -> bool:
        """Whether the COMMIT that just came is one to break."""
        with self._lock:
            if not self.mode.startswith("commit_") or (self.once and self.broken):
                return False
            self.broken += 1
            return True


class _Link:
    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._fate: Mode = "pass"

    def upstream(self) -> None:
        for data in _received(self._client):
            if b"COMMIT\0" in data and self._proxy.break_commit():
                self._fate = self._proxy.mode
            if self._fate == "commit_cut_before" or self._proxy.mode == "reset":
                break
            if self._fate == "commit_swallow" or self._proxy.mode == "blackhole":
                continue
            self._wait()
            with contextlib.suppress(OSError):
                self._server.sendall(data)
            if self._fate == "commit_cut_after":
                time.sleep(0.02)  # the server has it, the answer is on its way
                break
        self._end()

    def downstream(self) -> None:
        for data in _received(self._server):
            if self._fate in ("commit_cut_after", "commit_swallow_answer") or self._proxy.mode == "blackhole":
                continue
            if self._proxy.mode == "reset":
                break
            self._wait()
            with contextlib.suppress(OSError):
                self._client.sendall(data)
        self._end()

    def _wait(self) -> None:
        if self._proxy.mode == "delay":
            time.sleep(self._proxy.random.uniform(0, 0.05))

    def _end(self) -> None:
        # A swallowed connection stays open at both ends, as behind a firewall that forgot it.
        if self._fate not in ("commit_swallow", "commit_swallow_answer"):
            _reset(self._client)
            _reset(self._server)


def _received(source: socket.socket) -> t.Iterator[bytes]:
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            return
        if not data:
            return
        yield data


def _reset(one: socket.socket) -> None:
    """RST instead of FIN: the other end must not believe in an orderly end."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
    one.close()
