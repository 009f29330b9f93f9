"""A router that answers what it is told, request by request; the last answer stays."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import threading
import typing as t

GENERATED = {"model": "m", "choices": [{"index": 0, "finish_reason": "length"}], "usage": {"completion_tokens": 1}}


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int = 200
    body: t.Any = dataclasses.field(default_factory=lambda: GENERATED)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


def served(revision: str) -> Reply:
    return Reply(headers={"x-vllm-revision": revision})


def refusal(status: int, message: str) -> Reply:
    return Reply(status, {"error": {"message": message}})


@dataclasses.dataclass
class Router:
    url: str
    replies: list[Reply]
    requests: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    connections: set[int] = dataclasses.field(default_factory=set)


@contextlib.contextmanager
def routed(*replies: Reply) -> t.Iterator[Router]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            router.requests.append({"path": self.path, "body": body, "headers": {name.lower(): value for name, value in self.headers.items()}})
            router.connections.add(self.client_address[1])
            reply = router.replies.pop(0) if len(router.replies) > 1 else router.replies[0]
            text = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: t.Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        router = Router(f"http://127.0.0.1:{server.server_address[1]}", list(replies))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield router
        server.shutdown()
