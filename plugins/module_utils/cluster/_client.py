# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A small API client over ``http.client``: raw bytes, one deadline, bounded retries, and a count of what it cost.

The kubernetes package's clients build a Python object per field: 144 s for 100,000 pods where this takes about one.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import threading
import time
import typing as t
import urllib.parse

from .._deadline import Deadline
from .._errors import DeadlineError, Error
from . import _transport
from ._connection import Connection

Json = dict[str, t.Any]
Query: t.TypeAlias = "t.Mapping[str, str | int | bool]"

RETRIED = (429, 503, 504)
ATTEMPT_SECONDS = 30.0
MAX_PAUSE_SECONDS = 4.0


#: The API server closes a connection that was idle for 90 s, load balancers earlier; a write on one that just closed cannot be repeated safely.
IDLE_SECONDS = 20.0
BROKEN_OFF = (http.client.HTTPException, ConnectionResetError, BrokenPipeError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class ApiError(Error):
    """The API server answered, and said no. ``status`` is its HTTP status, ``reason`` the Status object's."""

    code = "api_error"

    def __init__(self, message: str, *, status: int, reason: str = "", path: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.path = path


class NotFound(ApiError):
    """404."""

    code = "not_found"


class Conflict(ApiError):
    """409: it exists already, or the resourceVersion is not the current one."""

    code = "api_conflict"


class Gone(ApiError):
    """410: the list's continue token has expired."""


class Forbidden(ApiError):
    """403: the RBAC rule is missing."""

    code = "forbidden"


class Unauthorized(ApiError):
    """401: the credentials are wrong or have expired."""

    code = "unauthorized"


class Unreachable(Error):
    """No answer at all: connection refused, reset, TLS failure."""

    code = "api_unreachable"


_KINDS: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


class Client:
    """Thread-safe: each thread keeps a connection of its own. ``requests`` and ``bytes`` count over all of them."""

    def __init__(self, connection: Connection, deadline: Deadline, *, user_agent: str = "inference.vllm") -> None:
        self.connection = connection
        self.deadline = deadline
        self.requests = 0
        self.bytes = 0
        self._tls = connection.tls()
        self._url = urllib.parse.urlsplit(connection.host)
        self._user_agent = user_agent
        # Thirteen times fewer bytes; on loopback packing costs more than it saves.
        self._packed = self._url.hostname not in ("127.0.0.1", "::1", "localhost")
        self._local = threading.local()
        self._count = threading.Lock()

    def get(self, path: str, query: Query | None = None) -> Json:
        return self._parsed("GET", path, self.raw("GET", path, query))

    def create(self, path: str, body: Json, query: Query | None = None) -> Json:
        return self._parsed("POST", path, self.raw("POST", path, query, body))

    def replace(self, path: str, body: Json) -> Json:
        return self._parsed("PUT", path, self.raw("PUT", path, None, body))

    def patch(self, path: str, body: t.Any, *, kind: str = "application/merge-patch+json") -> Json:
        return self._parsed("PATCH", path, self.raw("PATCH", path, None, body, kind))

    def delete(self, path: str, body: Json | None = None) -> None:
        self.raw("DELETE", path, None, body)

    def exists(self, path: str) -> bool:
        try:
            self.raw("GET", path)
        except NotFound:
            return False
        return True

    def dial(self, timeout: float) -> socket.socket:
        """A connected socket of the caller's own, for what is not request and answer; raises OSError."""
        connection = self._new(timeout)
        connection.connect()
        return t.cast(socket.socket, connection.sock)

    def pages(self, path: str, query: Query | None = None, *, limit: int = 500) -> t.Iterator[bytes]:
        """Each page of a list as it came. Raises Gone when the list expires in the middle: start again."""
        asked: dict[str, str | int | bool] = {**(query or {}), "limit": limit}
        while True:
            page = self.raw("GET", path, asked)
            yield page
            try:
                token = _transport.continue_token(page)
            except (ValueError, KeyError, AttributeError) as error:
                raise self._garbled("GET", path) from error
            if not token:
                return
            asked["continue"] = token

    def items(self, path: str, query: Query | None = None, *, limit: int = 500) -> list[Json]:
        """A whole list, read by pages; for what is known to be small."""
        return [item for page in self.pages(path, query, limit=limit) for item in self._parsed("GET", path, page).get("items") or []]

    def raw(self, method: str, path: str, query: Query | None = None, body: t.Any = None, kind: str = "application/json") -> bytes:
        """The body of a 2xx answer. Retries what may pass (reads on any break; writes only on 429) within the deadline."""
        target = path if not query else f"{path}?{urllib.parse.urlencode(_plain(query))}"
        payload = None if body is None else json.dumps(body).encode()
        pause = 0.1
        while True:
            seen: Error
            try:
                status, answer = self._attempt(method, target, payload, kind)
            except Unreachable as error:
                seen = error
                again = method == "GET" and isinstance(error.__cause__, BROKEN_OFF)
            else:
                if 200 <= status < 300:
                    return answer
                seen = self._error(method, path, status, answer)
                again = status == 429 or (method == "GET" and status in RETRIED)
            # Whatever Retry-After says: a server that asks for an hour would hang the play.
            wait = pause * random.uniform(0.5, 1.0)
            if not again or self.deadline.remaining() <= wait:
                raise seen
            time.sleep(wait)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _parsed(self, method: str, path: str, answer: bytes) -> Json:
        try:
            parsed = json.loads(answer)
        except ValueError as error:
            raise self._garbled(method, path) from error
        if not isinstance(parsed, dict):
            raise self._garbled(method, path)
        return parsed

    def _garbled(self, method: str, path: str) -> Unreachable:
        return Unreachable(f"what {self.connection.host} answered to {method} {path} is no whole JSON object; is it an API server, and is no proxy between?")

    def _attempt(self, method: str, target: str, payload: bytes | None, kind: str) -> tuple[int, bytes]:
        what = f"{method} {target.partition('?')[0]} at {self.connection.host}"
        attempt = Deadline(self.deadline.limit(ATTEMPT_SECONDS, what))
        try:
            connection = self._open(attempt.seconds)
            # Every read gets what is left of the attempt, so that an answer that drips is bounded as a whole.
            connection.response_class = _transport.answers(lambda: max(0.001, attempt.remaining()))
            self._send(connection, method, target, payload, kind)
            response = connection.getresponse()
            answer = _transport.body(response)
        except DeadlineError:
            self._close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise Unreachable(f"the API server at {self.connection.host} did not answer {method} {target.partition('?')[0]}: {_words(error)}") from error
        with self._count:
            self.requests += 1
            self.bytes += len(answer)
        return response.status, answer

    def _send(self, connection: http.client.HTTPConnection, method: str, target: str, payload: bytes | None, kind: str) -> None:
        connection.putrequest(method, self._url.path.rstrip("/") + target, skip_accept_encoding=True)
        headers = {"Accept": "application/json", "User-Agent": self._user_agent, **self.connection.headers()}
        if payload is not None:
            headers |= {"Content-Type": kind, "Content-Length": str(len(payload))}
        if self._packed:
            headers["Accept-Encoding"] = "gzip"
        for name, value in headers.items():
            connection.putheader(name, value)
        for group in self.connection.impersonate_groups:
            connection.putheader("Impersonate-Group", group)
        connection.endheaders(payload)

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() - self._local.used > IDLE_SECONDS:
            self._close()
            connection = None
        self._local.used = time.monotonic()
        if connection is None:
            connection = self._new(timeout)
            self._local.connection = connection
        elif connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new(self, timeout: float) -> http.client.HTTPConnection:
        proxy = urllib.parse.urlsplit(self.connection.proxy) if self.connection.proxy else None
        host, port = self._url.hostname or "", self._url.port
        first = (proxy.hostname or "", proxy.port) if proxy else (host, port)
        connection: http.client.HTTPConnection
        if self._tls is not None:
            connection = _transport.NamedTLS(*first, timeout=timeout, context=self._tls)
            connection.named = (self._tls, self.connection.tls_server_name)
        else:
            connection = http.client.HTTPConnection(*first, timeout=timeout)
        if proxy:
            connection.set_tunnel(host, port)
        return connection

    def _close(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _error(self, method: str, path: str, status: int, answer: bytes) -> ApiError:
        reason, message = _status(answer)
        kind = _KINDS.get(status, ApiError)
        text = f"{method} {path} at {self.connection.host}: HTTP {status}{' ' + reason if reason else ''}: {message}"
        if status == 401:
            text += "; the credentials are wrong or have expired: check the kubeconfig or token"
        elif status == 403:
            text += "; ask for the RBAC rule that this sentence names"
        return kind(text, status=status, reason=reason, path=path)


def _plain(query: Query) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}


def _status(answer: bytes) -> tuple[str, str]:
    try:
        status = json.loads(answer)
        return str(status.get("reason") or ""), str(status.get("message") or "").strip() or "no message"
    except (ValueError, AttributeError):
        text = answer[:200].decode("utf-8", "replace").strip()
        return "", text or "no message"


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
