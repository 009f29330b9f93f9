"""What a client meets on its way to an API server. Each case ends within its deadline and a second, with one sentence."""

from __future__ import annotations

import gzip
import http.server
import json
import socket
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import DeadlineError, Error
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import ApiError, Conflict, Forbidden, Gone, NotFound, Unauthorized, Unreachable
from ansible_collections.inference.vllm.plugins.module_utils.http import _message

from .server import NO_CHUNKS, Server, Step, answer, chunked, cut, drip, hole, in_chunks, refuse, reset

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"
SECONDS = 1.0


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (refuse(429, "TooManyRequests", Retry_After="3600"), ApiError, "HTTP 429 TooManyRequests"),
        (refuse(503, "ServiceUnavailable"), ApiError, "HTTP 503"),
        (hole, Error, "no answer in time|did not finish"),
        (reset, Unreachable, "did not answer GET /x: .*[Rr]eset"),
        (drip(HEAD, 0.05), Error, "no answer in time|did not finish"),
        (drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05), Error, "no answer in time|did not finish"),
        (drip(b"HTTP", 0.05), Error, "no answer in time|did not finish"),
        (cut(b'{"items": [', 5000), Unreachable, "IncompleteRead"),
        (answer(200, b'{"items": ['), Unreachable, "is not a JSON object"),
        (answer(200, b"<html>login</html>"), Unreachable, "is not a JSON object"),
        (answer(200, b"[]"), Unreachable, "is not a JSON object"),
        (answer(302, b"", Location="http://127.0.0.1:9/"), ApiError, "HTTP 302"),
        (answer(200, b"not packed", Content_Encoding="gzip"), Unreachable, "damaged"),
    ],
)
def test_every_fault_ends_within_the_deadline_and_in_a_sentence(step: Step, kind: type[Error], words: str) -> None:
    began = time.monotonic()
    with Server([step]) as server, pytest.raises(kind, match=words) as caught:
        server.client(SECONDS).get("/x")
    assert time.monotonic() - began < SECONDS + 1
    assert "secret-token" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", [refuse(429, "TooManyRequests", Retry_After="3600"), refuse(503, "x"), refuse(504, "Timeout"), reset, cut(b"{", 9)])
def test_what_passes_is_tried_again_whatever_retry_after_says(step: Step) -> None:
    with Server([step, step, answer(200, {"fine": True})]) as server:
        assert server.client().get("/x") == {"fine": True}
        assert len(server.seen) == 3


@pytest.mark.parametrize("step", [refuse(500, "x"), refuse(503, "x"), reset, cut(b"{", 9)])
def test_a_write_is_not_sent_twice_when_its_first_answer_is_lost(step: Step) -> None:
    with Server([step, answer(201, {})]) as server:
        with pytest.raises(Error):
            server.client().create("/x", {"kind": "Pod"})
        assert len(server.seen) == 1


def test_a_write_that_was_turned_away_by_429_is_sent_again() -> None:
    with Server([refuse(429, "TooManyRequests", Retry_After="1"), answer(201, {"made": True})]) as server:
        assert server.client().create("/x", {}) == {"made": True}


@pytest.mark.parametrize(
    ("status", "kind"), [(500, ApiError), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (410, Gone), (422, ApiError)]
)
def test_a_no_is_not_asked_again_and_keeps_its_kind(status: int, kind: type[ApiError]) -> None:
    with Server([refuse(status, "Reason", "the object x is why")]) as server:
        with pytest.raises(kind, match="the object x is why") as caught:
            server.client().get("/x")
        assert (caught.value.status, caught.value.reason, len(server.seen)) == (status, "Reason", 1)


def test_nobody_listening_is_told_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    with Server([answer()]) as server, pytest.raises(Unreachable, match="Connection refused"):
        server.client(30, host=f"http://127.0.0.1:{port}").get("/x")
    assert time.monotonic() - began < 1


def test_the_deadline_is_one_for_all_requests_of_a_client() -> None:
    with Server([answer(200, {}), hole]) as server:
        client = server.client(0.5)
        client.get("/x")
        began = time.monotonic()
        with pytest.raises(Error):
            client.get("/x")
        with pytest.raises(DeadlineError, match=r"GET /x at .* did not finish within 0\.5 s"):
            client.get("/x")
        assert time.monotonic() - began < 1.5


def test_pages_follow_the_continue_token_wherever_it_stands() -> None:
    pages = [
        {"kind": "PodList", "metadata": {"continue": "abc", "resourceVersion": "5"}, "items": [{"n": 1}]},
        {"items": [{"n": 2}], "metadata": {"continue": "d/e="}},
        {"kind": "PodList", "metadata": {"annotations": "y" * 5000, "continue": "f"}, "items": []},
        {"metadata": {"resourceVersion": "5"}, "items": None},
    ]
    compact = [answer(200, json.dumps(page, separators=(",", ":")).encode()) for page in pages]
    with Server(compact) as server:
        client = server.client()
        assert client.items("/x", {"labelSelector": "a=b"}, limit=2) == [{"n": 1}, {"n": 2}]
        assert server.seen == [f"GET /x?labelSelector=a%3Db&limit=2{more}" for more in ("", "&continue=abc", "&continue=d%2Fe%3D", "&continue=f")]
        assert client.requests == 4


def test_a_list_that_expires_half_way_says_gone() -> None:
    with Server([answer(200, {"metadata": {"continue": "a"}, "items": []}), refuse(410, "Expired")]) as server, pytest.raises(Gone):
        server.client().items("/x")


def test_a_token_that_expires_half_way_says_unauthorized_and_what_to_check() -> None:
    steps = [answer(200, {"metadata": {"continue": "a"}, "items": []}), refuse(401, "Unauthorized")]
    with Server(steps) as server, pytest.raises(Unauthorized, match="check the kubeconfig or token"):
        server.client().items("/x")


def test_one_connection_serves_many_requests() -> None:
    with Server([answer(200, {})]) as server:
        client = server.client()
        ports = set()
        for _ in range(5):
            client.get("/x")
            ports.add(client._local.wire._pipe.getsockname())
        assert len(ports) == 1
        assert (client.requests, client.bytes) == (5, 10)


def test_a_connection_that_was_idle_for_long_is_opened_again_before_a_write_meets_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "IDLE_SECONDS", 0.05)
    with Server([answer(200, {})]) as server:
        client = server.client()
        client.get("/x")
        before = client._local.wire._pipe.getsockname()
        client._local.wire._pipe.shutdown(socket.SHUT_RDWR)  # as the server's idle timeout leaves it
        time.sleep(0.1)
        client.patch("/x", {})
        assert client._local.wire._pipe.getsockname() != before


def test_a_connection_that_the_server_closes_after_its_answer_is_opened_again() -> None:
    with Server([answer(200, {"n": 1}, Connection="close")]) as server:
        client = server.client()
        assert [client.get("/x")["n"] for _ in range(3)] == [1, 1, 1]


def test_answers_come_packed_from_afar_and_plain_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = answer(200, gzip.compress(b'{"from": "afar"}'), Content_Encoding="gzip")
    with Server([packed]) as server:
        client = server.client()
        assert client.get("/x") == {"from": "afar"}
        assert server.headers[0]["Accept-Encoding"] is None
        client._packed = True
        client.get("/x")
        assert server.headers[1]["Accept-Encoding"] == "gzip"
    assert server.client(host="https://10.0.0.1:6443")._packed
    half = answer(200, gzip.compress(b'{"from": "afar"}' * 99)[:-9], Content_Encoding="gzip")
    with Server([half]) as server, pytest.raises(Unreachable):
        server.client(0.3).get("/x")


@pytest.mark.parametrize("wire", NO_CHUNKS)
def test_chunks_that_are_none_are_told_as_no_answer(wire: bytes) -> None:
    # A write, which is not sent again: a read would be, until the deadline.
    with Server([chunked(wire)]) as server, pytest.raises(Unreachable):
        server.client().create("/x", {})


def test_chunks_leave_the_connection_to_the_next_request() -> None:
    body = b'{"n": 1}'
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def step(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head + in_chunks(body, [3]))

    with Server([step]) as server:
        client = server.client()
        ports = set()
        for _ in range(3):
            assert client.get("/x") == {"n": 1}
            ports.add(client._local.wire._pipe.getsockname())
        assert len(ports) == 1


@pytest.mark.parametrize("step", [answer(200, b" " * 2000), chunked(in_chunks(b" " * 2000, [500] * 4))], ids=["whole", "in chunks"])
def test_an_answer_without_end_is_cut(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_message, "LARGEST", 1000)
    with Server([step]) as server, pytest.raises(Unreachable, match="larger than"):
        server.client(2).get("/x")


def test_who_asks_is_in_the_headers() -> None:
    with Server([answer(200, {})]) as server:
        server.client(impersonate_user="ann", impersonate_groups=("one", "two")).get("/x")
        headers: t.Any = server.headers[0]
        assert (headers["Authorization"], headers["Impersonate-User"]) == ("Bearer secret-token", "ann")
        assert headers.get_all("Impersonate-Group") == ["one", "two"]


def test_a_token_is_asked_anew_for_each_request() -> None:
    tokens = iter(["Bearer one", "Bearer two"])
    with Server([answer(200, {})]) as server:
        client = server.client(authorization=lambda: next(tokens))
        client.get("/x")
        client.get("/x")
        assert [headers["Authorization"] for headers in server.headers] == ["Bearer one", "Bearer two"]
