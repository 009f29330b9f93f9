# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One connection to one endpoint: a request, its answer, and everything that a server can do wrong in between."""

from __future__ import annotations

import dataclasses
import http.client
import json
import ssl
import time
import typing as t

from .._errors import Error
from ..cluster._portforward import ForwardLost
from ..http._message import NotSentError, head
from ..http._wire import Pipe, TooLargeError, Wire
from ._errors import ProbeError, TransportLost, shown

CAP_BYTES = 1 << 20
# A server closes idle connections after some seconds (vLLM: 5); one that was used a moment ago and breaks is a failure.
STALE_SECONDS = 1.0
HIDDEN = b"[key]"
_COMPACT = json.JSONEncoder(separators=(",", ":"))


class Transport(t.Protocol):
    """How an endpoint is reached.

    ``where`` names it in sentences; ``pod`` is empty when the transport does not choose one; ``carries_key``: may it carry the endpoint's key?
    ``vet`` raises UnknownError when an answer is not the endpoint's but that of something in between.
    """

    @property
    def where(self) -> str: ...
    @property
    def pod(self) -> str: ...
    @property
    def authority(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def headers(self) -> t.Sequence[tuple[str, str]]: ...
    @property
    def carries_key(self) -> bool: ...
    def dial(self, seconds: float) -> Pipe: ...
    def vet(self, status: int, body: bytes) -> None: ...


@dataclasses.dataclass(frozen=True)
class HttpAnswer:
    """What came back. ``start`` and ``end`` are ``time.perf_counter()`` just before sending and after the last byte."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    start: float
    end: float

    def json(self) -> t.Any:
        """The body parsed, or None: a server's nonsense is an answer to judge, not an accident of ours."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclasses.dataclass
class HttpSession:
    """A connection that is kept open between requests; not for several threads."""

    transport: Transport
    key: str = dataclasses.field(default="", repr=False)
    user_agent: str = "inference.vllm"
    _wire: Wire | None = dataclasses.field(default=None, repr=False)
    _used: float = 0.0

    def ask(self, method: str, path: str, body: t.Any = None, *, seconds: float, cap: int = CAP_BYTES, key: str | None = None) -> HttpAnswer:
        """The whole answer within ``seconds``; raises ProbeError. ``key`` replaces the session's ("" sends none)."""
        start = time.perf_counter()
        response = self.send(method, path, body, until=start + seconds, cap=cap, key=key)
        pieces = []
        try:
            while piece := response.read1(65536):
                pieces.append(piece)
        except (OSError, http.client.HTTPException, ValueError, ProbeError) as error:
            raise self.failed(error, f"{method} {path}", seconds) from error
        end = time.perf_counter()
        self.finish(response, f"{method} {path}")
        whole = self.without_key(b"".join(pieces))
        self.transport.vet(response.status, whole)
        return HttpAnswer(response.status, response.headers, whole, start, end)

    def without_key(self, data: bytes) -> bytes:
        """What a server sent, less the key: some repeat it in their errors, and those become sentences of ours."""
        return data.replace(self.key.encode(), HIDDEN) if self.key else data

    def send(self, method: str, path: str, body: t.Any = None, *, until: float, cap: int = CAP_BYTES, key: str | None = None) -> http.client.HTTPResponse:
        """The answer's head; the caller reads its body with ``read1`` and then calls ``finish``."""
        payload = None if body is None else _COMPACT.encode(body).encode()
        stale = self._wire is not None and time.perf_counter() - self._used > STALE_SECONDS
        seconds = until - time.perf_counter()
        try:
            try:
                return self._once(method, path, payload, until, cap, key)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not stale:
                    raise
                self.close()
                return self._once(method, path, payload, until, cap, key)
        except (OSError, http.client.HTTPException, ValueError, ProbeError) as error:
            raise self.failed(error, f"{method} {path}", seconds) from error

    def finish(self, response: http.client.HTTPResponse, what: str) -> None:
        """After the body: was it all, and may the connection be kept?"""
        left = getattr(response, "length", None)
        response.close()
        if left:
            self.close()
            raise ProbeError("truncated", f"{what} at {self.transport.where} ended {left} bytes before its Content-Length")
        self._used = time.perf_counter()
        if response.will_close:
            self.close()

    def failed(self, error: Exception, what: str, seconds: float) -> Error:
        """``error`` as a sentence; the connection is not used again."""
        self.close()
        if isinstance(error, ForwardLost):
            return TransportLost(f"{what} at {self.transport.where}: {error}")
        kind, words = _words(error, seconds)
        return ProbeError(kind, f"{what} at {self.transport.where}: {words}")

    def close(self) -> None:
        if self._wire is not None:
            self._wire.cut()
        self._wire = None

    def _once(self, method: str, path: str, payload: bytes | None, until: float, cap: int, key: str | None) -> http.client.HTTPResponse:
        if self._wire is None:
            self._wire = self._dial(until)
        self._wire.begin(until, cap)
        # In one piece: a body that follows its head waits 40 ms for it (Nagle, delayed ACK) where something on the way does not say NODELAY.
        self._wire.sendall(head(method, self.transport.prefix + path, self._headers(payload, key)) + (payload or b""))
        response = self._wire.answer(method)
        _refuse_encoding(response)
        return response

    def _dial(self, until: float) -> Wire:
        left = until - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        return Wire(self.transport.dial(left))

    def _headers(self, payload: bytes | None, key: str | None) -> list[tuple[str, str]]:
        headers = [("Host", self.transport.authority), ("User-Agent", self.user_agent), ("Accept-Encoding", "identity"), *self.transport.headers]
        bearer = self.key if key is None else key
        if bearer:
            headers = [*(header for header in headers if header[0] != "Authorization"), ("Authorization", f"Bearer {bearer}")]
        if payload is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(payload)))]
        return headers


def _refuse_encoding(response: http.client.HTTPResponse) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ProbeError("protocol", f"it compressed its answer ({shown(encoding, 40)}) although only identity was asked for")


def _words(error: Exception, seconds: float) -> tuple[str, str]:
    """The kind of a failure and a sentence for it."""
    if isinstance(error, ProbeError):
        return error.kind, str(error)
    if isinstance(error, NotSentError):
        return "protocol", str(error)
    if isinstance(error, TooLargeError):
        return "too_large", str(error)
    if isinstance(error, TimeoutError):
        return "timeout", f"no complete answer within {seconds:.3g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", f"its certificate is not trusted: {shown(error.verify_message)}; give its CA by endpoint_ca_cert"
    if isinstance(error, ssl.SSLError):
        return "tls", f"TLS failed: {shown(error.reason or error)}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "reset", "it closed the connection without an answer"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "connection refused: nothing listens there (vLLM opens its port only after the model is loaded)"
    if isinstance(error, http.client.IncompleteRead):
        return "truncated", "its answer ended before it was complete"
    if isinstance(error, http.client.HTTPException | ValueError):
        return "protocol", f"what it sent is not HTTP: {shown(error) or type(error).__name__}"
    return "reset", f"the connection broke: {shown(error) or type(error).__name__}"
