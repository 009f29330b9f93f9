"""Servers that misbehave: what each sends, and the kind of error that it has to end in."""

from __future__ import annotations

import gzip
import socket
import time
import typing as t

from tests.unit.endpoint.servers import event

HEAD = b"HTTP/1.1 200 OK\r\n"
STREAM = HEAD + b"Content-Type: text/event-stream\r\n\r\n"


def endless(piece: bytes, first: bytes = b"", pause: float = 0.0) -> t.Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(20_000):
            connection.sendall(piece)
            if pause:
                time.sleep(pause)

    return script


MEBIBYTE = b"x" * (1 << 20)
BOMB = gzip.compress(bytes(32 << 20))
MISBEHAVIOUR: dict[str, tuple[t.Callable[[socket.socket], None], str]] = {
    "a body of a gigabyte": (endless(MEBIBYTE, HEAD + b"Content-Length: 1073741824\r\n\r\n"), "too_large"),
    "a body without an end": (endless(MEBIBYTE, HEAD + b"\r\n"), "too_large"),
    "one chunk of a gigabyte": (endless(MEBIBYTE, HEAD + b"Transfer-Encoding: chunked\r\n\r\n40000000\r\n"), "too_large"),
    "headers without an end": (endless(b"X-Header: y\r\n", HEAD), "protocol"),
    "one header line without an end": (endless(b"x" * 4096, HEAD + b"X: "), "protocol"),
    "continues for ever": (endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "too_large timeout"),
    "a byte at a time in the body": (endless(b"x", HEAD + b"Content-Length: 1000000\r\n\r\n", 0.05), "timeout"),
    "a byte at a time in the head": (endless(b"x", HEAD + b"X: ", 0.05), "timeout"),
    "silence": (lambda connection: time.sleep(3), "timeout"),
    "nothing": (lambda connection: None, "reset"),
    "no HTTP": (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    "a Content-Length that is too long": (lambda connection: connection.sendall(HEAD + b"Content-Length: 99\r\n\r\nshort"), "truncated"),
    "a Content-Length that is no number": (endless(b"x" * 4096, HEAD + b"Content-Length: many\r\n\r\n"), "too_large"),
    "a chunk size that is no number": (lambda connection: connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx"), "truncated"),
    "a chunk that is cut off": (lambda connection: connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\nshort"), "truncated"),
    "a gzip bomb that is not said to be one": (endless(BOMB, HEAD + b"Content-Type: application/json\r\n\r\n"), "too_large"),
    "gzip": (lambda connection: connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"), "protocol"),
    "an invalid status": (lambda connection: connection.sendall(b"HTTP/1.1 banana OK\r\n\r\n"), "protocol"),
}
STREAMS: dict[str, tuple[t.Callable[[socket.socket], None], str]] = {
    "an event without an end": (endless(b"x" * 4096, STREAM + b"data: "), "too_large"),
    "events without an end": (endless(event({"choices": [{"delta": {}}]}) * 100, STREAM), "too_large"),
    "comments for ever": (endless(b": keep-alive\n\n" * 1000, STREAM), "too_large"),
    "a drip": (endless(b":", STREAM, 0.05), "timeout"),
    "not JSON": (lambda connection: connection.sendall(STREAM + b"data: {broken\n\n"), "stream"),
    "JSON that is nested too deep": (lambda connection: connection.sendall(STREAM + b"data: " + b"[" * 100_000 + b"\n\n"), "stream"),
    "a list": (lambda connection: connection.sendall(STREAM + b"data: []\n\n"), "stream"),
    "an end without [DONE]": (lambda connection: connection.sendall(STREAM + event({"choices": [{"delta": {}}]})), "truncated"),
    "[DONE] alone": (lambda connection: connection.sendall(STREAM + b"data: [DONE]\n\n"), "stream"),
    "more after [DONE]": (lambda connection: connection.sendall(STREAM + event({"choices": [{}]}) + b"data: [DONE]\n\n" + event({"choices": []})), "stream"),
    "an error inside a 200": (
        lambda connection: connection.sendall(STREAM + event({"error": {"message": "EngineCore encountered an issue", "code": 500}}) + b"data: [DONE]\n\n"),
        "stream",
    ),
    "a cut-off answer": (
        lambda connection: connection.sendall(
            STREAM + event({"choices": [{"finish_reason": "abort"}]}) + event({"choices": [], "usage": {"completion_tokens": 1}}) + b"data: [DONE]\n\n"
        ),
        "aborted",
    ),
    "no usage": (lambda connection: connection.sendall(STREAM + event({"choices": [{"finish_reason": "stop"}]}) + b"data: [DONE]\n\n"), "no_tokens"),
    "another model": (lambda connection: connection.sendall(STREAM + event({"model": "other", "choices": [{}]}) + b"data: [DONE]\n\n"), "wrong_model"),
    "not a stream": (lambda connection: connection.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), "stream"),
    "pieces beyond all tokens": (endless(event({"choices": [{}]}) * 50, STREAM), "too_large"),
    "an HTTP error": (lambda connection: connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "http_503"),
}
