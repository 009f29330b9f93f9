"""A TCP relay before the API server, whose connections a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t


class Relay:
    def __init__(self, port: int) -> None:
        self._port = port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here = self._listener.accept()[0]
                there = socket.create_connection(("127.0.0.1", self._port))
                self._pairs.append((here, there))
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def cut(self) -> int:
        """Ends every connection that stands; how many did."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(port: int) -> t.Iterator[Relay]:
    running = Relay(port)
    threading.Thread(target=running.accept, daemon=True).start()
    try:
        yield running
    finally:
        running.close()
