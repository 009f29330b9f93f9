"""Servers that misbehave: each ends in a sentence, within the deadline, with bounded memory."""

from __future__ import annotations

import contextlib
import socket
import time
import tracemalloc
import types
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _guard
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._errors import ProbeError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._http import HttpSession
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._stream import Ask, Sample, stream
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._transports import Direct

from tests.unit.endpoint.misbehaviour import HEAD, MISBEHAVIOUR, STREAMS, endless
from tests.unit.endpoint.servers import Behaviour, raw, vllm

LOOPBACK = _guard.networks(["127.0.0.0/8"])


def session(url: str, key: str = "") -> HttpSession:
    return HttpSession(Direct(_guard.parse(url), LOOPBACK), key)


def seconds(kind: str) -> float:
    """A deadline that is meant to pass is short; any other is long enough for a busy machine."""
    return 0.6 if "timeout" in kind else 20.0


@pytest.mark.parametrize("case", MISBEHAVIOUR)
def test_a_server_that_misbehaves_ends_in_a_sentence_in_time_and_in_little_memory(case: str) -> None:
    script, kind = MISBEHAVIOUR[case]
    tracemalloc.start()
    start = time.monotonic()
    try:
        with raw(script) as url, pytest.raises(ProbeError) as caught:
            session(url).ask("GET", "/v1/models", seconds=seconds(kind))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.kind in kind.split(), str(caught.value)
    assert str(caught.value).startswith("GET /v1/models at http://127.0.0.1:")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < seconds(kind) + 2
    assert peak < 20 << 20


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_that_misbehaves_ends_in_a_sentence_in_time(case: str) -> None:
    script, kind = STREAMS[case]
    ask = Ask("chat", "llama-3-8b", "Say OK.", 8, seconds(kind), frozenset({"llama-3-8b"}))
    start = time.monotonic()
    with raw(script) as url, pytest.raises(ProbeError) as caught:
        stream(session(url), ask, Sample(0.0))
    assert caught.value.kind == kind, str(caught.value)
    assert time.monotonic() - start < seconds(kind) + 2


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProbeError, match="connection refused") as caught:
        session(f"http://127.0.0.1:{port}").ask("GET", "/health", seconds=2)
    assert caught.value.kind == "refused"


def test_a_redirect_is_reported_and_never_followed_and_the_key_stays() -> None:
    with vllm() as (other, seen), vllm() as (url, behaviour):
        behaviour.routes["/v1/models"] = (302, {"Location": f"{other}/v1/models"}, b"")
        answer = session(url, "canary-key").ask("GET", "/v1/models", seconds=2)
    assert (answer.status, answer.headers["Location"]) == (302, f"{other}/v1/models")
    assert seen.seen == []


def test_the_connection_is_kept_between_requests_and_a_stale_one_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with vllm() as (url, _behaviour):
        asked = session(url)
        dialled = 0
        dial = asked.transport.dial

        def counting(seconds: float) -> t.Any:
            nonlocal dialled
            dialled += 1
            return dial(seconds)

        monkeypatch.setattr(asked.transport, "dial", counting)
        for _ in range(3):
            assert asked.ask("GET", "/version", seconds=2).json() == {"version": "0.32.0"}
        assert dialled == 1
        # The server closed it while nobody looked, as vLLM does after 5 idle seconds.
        assert asked._wire is not None
        t.cast(socket.socket, asked._wire._pipe).shutdown(socket.SHUT_RDWR)
        asked._used -= 10
        assert asked.ask("GET", "/version", seconds=2).status == 200
        assert dialled == 2


def test_a_request_is_sent_in_one_piece() -> None:
    """In two, the second waits 40 ms for an acknowledgement of the first on ways without NODELAY."""
    with raw(lambda connection: connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")) as url:
        asked = session(url)
        dial = asked.transport.dial
        pieces: list[bytes] = []

        def listening(seconds: float) -> t.Any:
            pipe = dial(seconds)
            return types.SimpleNamespace(
                recv_into=pipe.recv_into, sendall=lambda data: (pieces.append(data), pipe.sendall(data)), settimeout=pipe.settimeout, close=pipe.close
            )

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asked.transport, "dial", listening)
            assert asked.ask("POST", "/v1/completions", {"prompt": "hé"}, seconds=2).status == 200
    (piece,) = pieces
    assert piece.startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert piece.endswith(b'\r\n\r\n{"prompt":"h\\u00e9"}')


@pytest.mark.parametrize(("path", "key"), [("/v1\r\nX-Other: 1", ""), ("/v1 HTTP/1.0", ""), ("/v1", "key\nX-Other: 1"), ("/v1", "key\0")])
def test_nothing_begins_a_request_of_its_own(path: str, key: str) -> None:
    served: list[socket.socket] = []
    with raw(served.append) as url, pytest.raises(ProbeError, match=r"not sent: .* line break") as told:
        session(url).ask("GET", path, seconds=2, key=key or None)
    assert told.value.kind == "protocol"
    assert not served


def test_a_key_that_no_header_can_carry_is_told_without_it() -> None:
    with raw(endless(b"")) as url, pytest.raises(ProbeError, match=r"not sent: .* cannot carry") as told:
        session(url, "sëcret-€").ask("GET", "/v1", seconds=2)
    assert "cret" not in str(told.value)


def test_a_connection_that_breaks_in_use_is_a_failure_and_not_asked_again() -> None:
    asked_for = 0

    def script(connection: socket.socket) -> None:
        nonlocal asked_for
        asked_for += 1
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        with contextlib.suppress(OSError):
            connection.recv(65536)

    with raw(script) as url:
        asked = session(url)
        asked.ask("GET", "/health", seconds=2)
        with pytest.raises(ProbeError, match="closed the connection"):
            asked.ask("GET", "/health", seconds=2)
    assert asked_for == 1


def test_proxy_variables_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with vllm() as (url, _behaviour):
        assert session(url).ask("GET", "/health", seconds=2).status == 200


def test_the_request_is_what_a_server_expects() -> None:
    with vllm(Behaviour(key="k1")) as (url, behaviour):
        session(url, "k1").ask("GET", "/v1/models", seconds=2)
    method, path, headers = behaviour.seen[0]
    assert (method, path) == ("GET", "/v1/models")
    assert headers == {"Host": url.removeprefix("http://"), "User-Agent": "inference.vllm", "Accept-Encoding": "identity", "Authorization": "Bearer k1"}
