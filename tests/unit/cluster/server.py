"""A small HTTP server that answers as scripted: also late, in drops, half, or not at all."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import socketserver
import struct
import threading
import time
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection

Handler = http.server.BaseHTTPRequestHandler
Step = t.Callable[[Handler], None]


def answer(status: int = 200, body: t.Any = None, **headers: str) -> Step:
    """A whole answer; ``body`` is bytes as they are, or anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()

    def step(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return step


def refuse(status: int, reason: str, message: str = "no", **headers: str) -> Step:
    return answer(status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message}, **headers)


def hole(handler: Handler) -> None:
    """Says nothing until the client has gone."""
    with contextlib.suppress(OSError):
        while handler.connection.recv(1024):
            pass


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    os.close(handler.connection.detach())


def drip(first: bytes, seconds: float) -> Step:
    """Sends ``first``, and then a byte now and then for ever."""

    def step(handler: Handler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(first)
            while True:
                handler.wfile.write(b"x")
                time.sleep(seconds)

    return step


def chunked(wire: bytes) -> Step:
    """Promises chunks, sends ``wire`` and closes."""

    def step(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(wire)
        handler.close_connection = True

    return step


#: What a server may send where it promised chunks.
NO_CHUNKS = [b"-5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"0x5\r\nhello\r\n", b"\r\n", b"5" * 9000]


def in_chunks(body: bytes, sizes: t.Sequence[int], tail: bytes = b"\r\n") -> bytes:
    """``body`` on the wire, in chunks of ``sizes``."""
    wire, at = b"", 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        wire += b"%x;note=1\r\n%s\r\n" % (len(piece), piece) if piece else b""
        at += size
    return wire + b"0\r\n" + tail


def cut(body: bytes, promised: int) -> Step:
    """Promises more bytes than it sends, then closes."""

    def step(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return step


class Server:
    """``steps`` are taken one per request, the last one again and again. ``seen`` holds method and path of each request, ``bodies`` what came with it."""

    def __init__(self, steps: t.Sequence[Step]) -> None:
        self.seen: list[str] = []
        self.headers: list[t.Any] = []
        self.bodies: list[bytes] = []
        self._steps = list(steps)
        self._lock = threading.Lock()
        server = self

        class Scripted(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Header and body are two writes: without this the second waits 40 ms for the first one's acknowledgement.
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                server.bodies.append(self.rfile.read(length))
                server.next(self)(self)

            def log_message(self, *_message: object) -> None:
                pass

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Scripted, f"do_{method}", Scripted.answer)

        class Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, *_request: object) -> None:
                """A client that goes away is what these tests are about."""

        self._server = Threaded(("127.0.0.1", 0), Scripted)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def next(self, handler: Handler) -> Step:
        with self._lock:
            self.seen.append(f"{handler.command} {handler.path}")
            self.headers.append(handler.headers)
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]

    def client(self, seconds: float = 5, **connection: t.Any) -> Client:
        return Client(self.connection(**connection), Deadline(seconds))

    def connection(self, **more: t.Any) -> Connection:
        return Connection(**{"host": self.url, "authorization": lambda: "Bearer secret-token", **more})

    def __enter__(self) -> t.Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
