# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Below HTTP's meaning: connections, half requests, clients that leave."""

from __future__ import annotations

import contextlib
import json
import socket
import time

from ._api import Api


def _raw(api: Api, data: bytes, seconds: float = 10.0) -> bytes:
    """Sends and reads until the server closes or says nothing for the time given."""
    with contextlib.closing(socket.create_connection((api.host, api.port), seconds)) as wire:
        wire.sendall(data)
        parts = []
        with contextlib.suppress(TimeoutError):
            while part := wire.recv(65536):
                parts.append(part)
        return b"".join(parts)


def test_what_is_not_http_gets_400_in_plain_text(api: Api) -> None:
    answer = _raw(api, b"hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"Invalid HTTP request received.")


def test_two_requests_share_a_connection(api: Api) -> None:
    with contextlib.closing(api.connect()) as connection:
        for _ in range(2):
            connection.request("GET", "/version")
            reply = connection.getresponse()
            assert reply.status == 200
            reply.read()


def test_an_idle_connection_is_closed_after_five_seconds(api: Api) -> None:
    with contextlib.closing(socket.create_connection((api.host, api.port), 15)) as wire:
        wire.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        last = time.monotonic()
        while wire.recv(65536):
            last = time.monotonic()
        assert 4.5 <= time.monotonic() - last <= 14


def test_connection_close_is_honoured(api: Api) -> None:
    assert b"connection: close" in _raw(api, b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").lower()


def test_an_answer_is_not_held_back_by_nagle(api: Api) -> None:
    """Headers and body are two segments: without TCP_NODELAY each request would cost 40 ms by delayed acknowledgement, the quickest too."""
    with contextlib.closing(api.connect()) as connection:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            connection.request("GET", "/version")
            connection.getresponse().read()
            times.append(time.perf_counter() - began)
    assert min(times) < 0.03


def test_a_body_may_come_in_pieces(api: Api) -> None:
    body = json.dumps(api.chat_body()).encode()
    with contextlib.closing(api.connect()) as connection:
        connection.request("POST", "/v1/chat/completions", iter([body[:10], body[10:]]), {"Content-Type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 200


def _leave_early(api: Api, stream: bool) -> None:
    body = json.dumps(api.chat_body(max_tokens=1000, ignore_eos=True, stream=stream)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with contextlib.closing(socket.create_connection((api.host, api.port), 10)) as wire:
        wire.sendall(head + body)
        time.sleep(0.3)


def _idle(api: Api) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if api.metrics().value("vllm:num_requests_running") == 0:
            return True
        time.sleep(0.05)
    return False


def test_a_client_that_leaves_a_stream_frees_its_place_and_counts_nowhere(api: Api) -> None:
    before = api.metrics().value("vllm:request_success_total")
    _leave_early(api, stream=True)
    assert _idle(api)
    assert api.metrics().value("vllm:request_success_total") == before


def test_a_client_that_leaves_before_the_answer_frees_its_place_and_counts_nowhere(api: Api) -> None:
    before = api.metrics().value("vllm:request_success_total")
    _leave_early(api, stream=False)
    assert _idle(api)
    assert api.metrics().value("vllm:request_success_total") == before
