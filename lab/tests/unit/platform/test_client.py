"""The lab's client against a server on loopback: what is an error, what is tried again, and when it gives up."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
import typing as t

import pytest

from lab._client import ApiError, Client, Conflict, Forbidden, Json, NotFound, Unauthorized, Unreachable

#: A status with a body; None closes the connection without a word, and a number of seconds says nothing for so long.
Answer = tuple[int, Json] | float | None


class Server(http.server.ThreadingHTTPServer):
    """Gives the answers in turn, the last one for ever. ``asked`` is method, path and body of each request; ``connections`` counts."""

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Json | None]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def __getattr__(self, name: str) -> t.Callable[[], None]:
        """Every method is answered alike."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self.answer

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, body))
        answer = self.server.next()
        if not isinstance(answer, tuple):
            time.sleep(answer or 0)
            self.close_connection = True
            return
        content = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: object) -> None:
        pass


@contextlib.contextmanager
def serving(*answers: Answer) -> t.Iterator[Server]:
    with Server(*answers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def refusal(status: int) -> tuple[int, Json]:
    return status, {"kind": "Status", "reason": "Because", "message": "it is so"}


FINE: tuple[int, Json] = (200, {"kind": "Thing"})


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (422, ApiError)])
def test_an_error_has_its_class_its_status_and_the_servers_words(status: int, kind: type[ApiError]) -> None:
    with serving(refusal(status)) as server, pytest.raises(ApiError, match=rf"POST /things at {server.url}: HTTP {status} Because: it is so") as caught:
        Client(server.url, None, seconds=10).create("/things", {})
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (status, "Because")
    assert len(server.asked) == 1


@pytest.mark.parametrize("passing", [refusal(429), refusal(503), refusal(504), None], ids=["429", "503", "504", "cut"])
def test_a_read_is_tried_again_after_what_may_pass(passing: Answer) -> None:
    with serving(passing, FINE) as server:
        assert Client(server.url, None, seconds=10).get("/things") == {"kind": "Thing"}
        assert len(server.asked) == 2


def test_a_write_is_tried_again_only_when_the_server_was_too_busy_to_take_it() -> None:
    with serving(refusal(429), FINE) as server:
        Client(server.url, None, seconds=10).create("/things", {})
        assert len(server.asked) == 2
    for passing, kind in ((refusal(503), ApiError), (None, Unreachable)):
        with serving(passing, FINE) as server, pytest.raises(kind):
            Client(server.url, None, seconds=10).create("/things", {})
        assert len(server.asked) == 1


def test_without_a_time_nothing_is_tried_again() -> None:
    with serving(refusal(503), FINE) as server, pytest.raises(ApiError):
        Client(server.url, None).get("/things")
    assert len(server.asked) == 1


def test_all_requests_together_end_with_the_time() -> None:
    start = time.monotonic()
    with serving(FINE, 5.0) as server:
        api = Client(server.url, None, seconds=1.0)
        api.get("/things")
        for _ in range(2):
            with pytest.raises(Unreachable, match="no answer in time"):
                api.get("/things")
    assert time.monotonic() - start < 4


def test_a_connection_is_kept_and_made_anew_when_the_server_has_closed_it() -> None:
    with serving(FINE, FINE, None, FINE) as server:
        api = Client(server.url, None)
        for _ in range(2):
            api.create("/things", {})
        assert server.connections == 1
        api.create("/things", {})
        assert server.connections == 2


def test_nobody_there_is_said_at_once() -> None:
    with serving(FINE) as server:
        url = server.url
    with pytest.raises(Unreachable, match=r"did not answer GET /things: .*refused"):
        Client(url, None, seconds=10).get("/things")


def test_a_list_is_read_by_its_pages() -> None:
    pages: list[Answer] = [(200, {"metadata": {"continue": "next"}, "items": [{"a": 1}]}), (200, {"metadata": {}, "items": [{"a": 2}]})]
    with serving(*pages) as server:
        assert Client(server.url, None).items("/things", {"labelSelector": "x=y"}) == [{"a": 1}, {"a": 2}]
        assert [path for _method, path, _body in server.asked] == [
            "/things?labelSelector=x%3Dy&limit=500",
            "/things?labelSelector=x%3Dy&limit=500&continue=next",
        ]


def test_an_object_is_applied_by_the_server_and_asked_for_by_existence() -> None:
    with serving(FINE, FINE, refusal(404)) as server:
        api = Client(server.url, None)
        api.apply("/things/a", {"spec": {}})
        assert server.asked == [("PATCH", "/things/a?fieldManager=lab&force=true", {"spec": {}})]
        assert (api.exists("/things/a"), api.exists("/things/b")) == (True, False)


@pytest.mark.parametrize("body", ["[]", "<html>"])
def test_what_is_no_object_is_said_to_be_none(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "_exchange", lambda *_words: (200, body.encode()))
    with pytest.raises(Unreachable, match="what http://x answered to GET /things is"):
        Client("http://x", None).get("/things")
