"""What goes out is one request, and what comes back is one whole answer or none."""

from __future__ import annotations

import http.client
import io
import json
import types
import typing as t

import hypothesis
import pytest
from ansible_collections.inference.vllm.plugins.module_utils.http import _message
from ansible_collections.inference.vllm.plugins.module_utils.http._dial import Proxy, proxy
from ansible_collections.inference.vllm.plugins.module_utils.http._message import NotSentError, head
from hypothesis import strategies as st

from tests.unit.cluster.server import NO_CHUNKS, in_chunks


def _response(wire: bytes) -> http.client.HTTPResponse:
    """As much of a socket as http.client reads from."""
    file = io.BytesIO(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
    response = http.client.HTTPResponse(t.cast(t.Any, types.SimpleNamespace(makefile=lambda _mode: file)))
    response.begin()
    return response


@hypothesis.given(st.text(max_size=300), st.lists(st.integers(1, 40), max_size=8), st.sampled_from([b"\r\n", b"Expires: never\r\n\r\n"]))
def test_chunks_of_any_size_are_one_answer(text: str, sizes: list[int], tail: bytes) -> None:
    body = json.dumps({"text": text}).encode()
    assert _message.body(_response(in_chunks(body, sizes, tail))) == body


@hypothesis.given(st.binary(min_size=1, max_size=60), st.lists(st.integers(1, 20), max_size=4), st.data())
def test_chunks_that_end_too_early_are_no_answer(body: bytes, sizes: list[int], data: st.DataObject) -> None:
    wire = in_chunks(body, sizes)
    # Without the last chunk's own line it is not known whether more was to come.
    short = data.draw(st.integers(0, len(wire) - len(b"0\r\n\r\n")))
    with pytest.raises(http.client.HTTPException):
        _message.body(_response(wire[:short]))


@pytest.mark.parametrize("wire", NO_CHUNKS)
def test_chunks_that_are_none_are_no_answer(wire: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        _message.body(_response(wire))


def test_a_name_may_come_more_than_once() -> None:
    assert head("GET", "/x", [("A", "1"), ("A", "2")]) == b"GET /x HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n"


@hypothesis.given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_request_is_written_whole_or_refused(target: str, name: str, value: str) -> None:
    try:
        written = head("GET", target, [(name, value)])
    except NotSentError:
        return
    assert written.count(b"\r\n") == 3
    assert written.split(b"\r\n")[0].count(b" ") == 2


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://p:3128", Proxy("p", 3128)),
        ("http://p", Proxy("p", 80)),
        ("http://a:b%20c@[::1]:1", Proxy("::1", 1, "Basic YTpiIGM=")),
    ],
)
def test_proxies(url: str, found: Proxy) -> None:
    assert proxy(url) == found


@pytest.mark.parametrize("url", ["https://p:1", "socks5://u:canary@p:1", "p:3128", "http://", "http://p:port"])
def test_a_proxy_of_another_kind_is_refused_and_its_password_not_told(url: str) -> None:
    with pytest.raises(ValueError, match=r"not supported|[Pp]ort") as caught:
        proxy(url)
    assert "canary" not in str(caught.value)
