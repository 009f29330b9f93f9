"""Servers on loopback for the prober's tests: one that behaves as vLLM does, and raw ones that send exactly what a test says."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import re
import socket
import threading
import time
import typing as t

Json = dict[str, t.Any]


@dataclasses.dataclass
class Behaviour:
    """What the well-behaved server does, for a test to change."""

    model: str = "llama-3-8b"
    key: str = ""
    prefix: str = ""
    tokens: int = 4
    gap: float = 0.0
    ttft: float = 0.0
    fail_every: int = 0
    health: int = 200
    generation: t.Callable[[Json], tuple[int, Json]] | None = None
    chunks: t.Callable[[Json], t.Iterator[bytes]] | None = None
    routes: dict[str, tuple[int, dict[str, str], bytes]] = dataclasses.field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = dataclasses.field(default_factory=list)
    asked: list[Json] = dataclasses.field(default_factory=list)
    generations: int = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    behaviour: Behaviour

    def log_message(self, *_args: t.Any) -> None: ...

    def parse_request(self) -> bool:
        """With a prefix it stands for an API server's proxy: takes its own credentials off, and answers for itself what is not below."""
        if not super().parse_request():
            return False
        prefix = self.behaviour.prefix
        if prefix and not self.path.startswith(prefix):
            self.reply(404, {"kind": "Status", "apiVersion": "v1", "message": "services not found", "reason": "NotFound", "code": 404})
            return False
        if prefix:
            self.path = self.path.removeprefix(prefix)
            del self.headers["Authorization"]
        return True

    def do_GET(self) -> None:
        it = self.behaviour
        it.seen.append(("GET", self.path, dict(self.headers)))
        if self.path in it.routes:
            status, headers, body = it.routes[self.path]
            return self.send(status, body, headers)
        if self.path == "/health":
            return self.send(it.health, b"")
        if self.path == "/version":
            return self.reply(200, {"version": "0.32.0"})
        if self.path == "/v1/models":
            if not self.allowed():
                return self.reply(401, {"error": "Unauthorized"})
            return self.reply(200, {"object": "list", "data": [{"id": it.model, "object": "model", "created": int(time.time()), "parent": None}]})
        return self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        it = self.behaviour
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        it.seen.append(("POST", self.path, dict(self.headers)))
        it.asked.append(body)
        if not self.allowed():
            return self.reply(401, {"error": "Unauthorized"})
        if body["model"] != it.model:
            return self.reply(
                404, {"error": {"message": f"The model `{body['model']}` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}}
            )
        it.generations += 1
        if it.fail_every and it.generations % it.fail_every == 0:
            return self.reply(500, {"error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}})
        if it.generation is not None:
            return self.reply(*it.generation(body))
        if body.get("stream"):
            return self.stream(body)
        if self.path == "/v1/embeddings":
            return self.reply(200, {"model": it.model, "data": [{"embedding": [0.1, 0.2, 0.3]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
        time.sleep(it.ttft + it.gap * it.tokens)
        choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "OK"}, "text": "OK"}
        return self.reply(200, {"model": it.model, "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": it.tokens}})

    def stream(self, body: Json) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (self.behaviour.chunks or self.chunks)(body):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def chunks(self, _body: Json) -> t.Iterator[bytes]:
        it = self.behaviour
        time.sleep(it.ttft)
        for number in range(it.tokens):
            if number:
                time.sleep(it.gap)
            finish = "length" if number == it.tokens - 1 else None
            yield event({"model": it.model, "choices": [{"index": 0, "delta": {"content": "a"}, "text": "a", "finish_reason": finish}]})
        yield event({"model": it.model, "choices": [], "usage": {"completion_tokens": it.tokens}})
        yield b"data: [DONE]\n\n"

    def allowed(self) -> bool:
        return not self.behaviour.key or self.headers.get("Authorization") == f"Bearer {self.behaviour.key}"

    def reply(self, status: int, body: Json) -> None:
        self.send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: t.Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def event(data: t.Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_args: t.Any) -> None: ...


@contextlib.contextmanager
def vllm(behaviour: Behaviour | None = None) -> t.Iterator[tuple[str, Behaviour]]:
    """A server that answers as vLLM does, but for what ``behaviour`` says; its URL and its behaviour, to be changed."""
    it = behaviour or Behaviour()
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"behaviour": it}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", it
    finally:
        server.shutdown()
        server.server_close()


def _whole(read: bytes) -> bool:
    head, found, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    return bool(found) and len(body) >= (int(length[1]) if length else 0)


@contextlib.contextmanager
def raw(script: t.Callable[[socket.socket], None]) -> t.Iterator[str]:
    """A listener that runs ``script`` with each connection, after its request was read, and then closes it.

    What is left unread at the end would make the system send a reset, and that may overtake the answer.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            read = b""
            while not _whole(read):
                piece = connection.recv(65536)
                if not piece:
                    return
                read += piece
            script(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
