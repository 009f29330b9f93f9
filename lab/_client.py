"""A small client of an API server, over ``http.client``: requests from any thread, each of which keeps one connection."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
import typing as t
import urllib.parse

Json = dict[str, t.Any]
Query: t.TypeAlias = "t.Mapping[str, str | int | bool]"

ATTEMPT_SECONDS = 30.0
MAX_PAUSE_SECONDS = 4.0
PAGE = 500
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
# What an API server says that is starting or has too much to do.
PASSING = (429, 503, 504)
BROKEN_OFF = (http.client.HTTPException, ConnectionResetError, BrokenPipeError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class ApiError(Exception):
    """The API server said no. ``status`` is the answer's HTTP status, ``reason`` its Status object's."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unauthorized(ApiError):
    """401."""


class Forbidden(ApiError):
    """403."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: it exists already, or the resourceVersion is not the current one."""


class Unreachable(ApiError):
    """No answer at all; the status is 0."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)


KINDS: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}


class Client:
    """``seconds`` is the time for all that is asked of it, and what may pass is tried again within that time.

    Without it each request stands for itself and is tried once: for those who live on and try again in their own way.
    """

    def __init__(self, server: str, tls: ssl.SSLContext | None, headers: t.Mapping[str, str] | None = None, *, seconds: float | None = None) -> None:
        self.server = server
        self._tls = tls
        self._headers = {"Accept": "application/json", "User-Agent": "lab", **(headers or {})}
        self._until = None if seconds is None else time.monotonic() + seconds
        self._url = urllib.parse.urlsplit(server)
        self._local = threading.local()

    def get(self, path: str, query: Query | None = None) -> Json:
        return self._parsed("GET", path, self.raw("GET", path, query))

    def items(self, path: str, query: Query | None = None) -> list[Json]:
        """A whole list, read by pages."""
        asked, found = {**(query or {}), "limit": PAGE}, list[Json]()
        while True:
            page = self.get(path, asked)
            found += page.get("items") or []
            asked["continue"] = page["metadata"].get("continue") or ""
            if not asked["continue"]:
                return found

    def exists(self, path: str) -> bool:
        try:
            self.raw("GET", path)
        except NotFound:
            return False
        return True

    def create(self, path: str, body: Json) -> Json:
        return self._parsed("POST", path, self.raw("POST", path, None, body))

    def replace(self, path: str, body: Json) -> Json:
        return self._parsed("PUT", path, self.raw("PUT", path, None, body))

    def patch(self, path: str, body: t.Any, kind: str = MERGE) -> Json:
        return self._parsed("PATCH", path, self.raw("PATCH", path, None, body, kind))

    def apply(self, path: str, body: Json, manager: str = "lab") -> Json:
        """Server-side apply: makes the object or brings it to this content, in one request."""
        return self._parsed("PATCH", path, self.raw("PATCH", path, {"fieldManager": manager, "force": True}, body, APPLY))

    def delete(self, path: str, body: Json | None = None) -> None:
        self.raw("DELETE", path, None, body)

    def raw(self, method: str, path: str, query: Query | None = None, body: t.Any = None, kind: str = "application/json") -> bytes:
        """The body of a 2xx answer. Reads are tried again whatever broke or is not ready, writes only when the server was too busy to take them."""
        target = f"{path}?{urllib.parse.urlencode(_plain(query))}" if query else path
        payload = None if body is None else json.dumps(body).encode()
        pause = 0.1
        while True:
            seen: ApiError
            try:
                status, answer = self._exchange(method, target, payload, kind)
            except (OSError, http.client.HTTPException) as error:
                words = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
                seen = Unreachable(f"the API server at {self.server} did not answer {method} {path}: {words}")
                seen.__cause__ = error
                again = method == "GET" and isinstance(error, BROKEN_OFF)
            else:
                if 200 <= status < 300:
                    return answer
                seen = self.refused(method, path, status, answer)
                again = status == 429 or (method == "GET" and status in PASSING)
            wait = pause * random.uniform(0.5, 1.0)
            if not again or self._until is None or time.monotonic() + wait >= self._until:
                raise seen
            time.sleep(wait)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def refused(self, method: str, path: str, status: int, answer: bytes) -> ApiError:
        try:
            said = json.loads(answer)
            reason, message = str(said.get("reason") or ""), str(said.get("message") or "")
        except (ValueError, AttributeError):
            reason, message = "", answer[:200].decode("utf-8", "replace").strip()
        text = f"{method} {path} at {self.server}: HTTP {status}{' ' + reason if reason else ''}: {message or 'no message'}"
        return KINDS.get(status, ApiError)(status, reason, text)

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A new one, of the caller's own."""
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)

    def _exchange(self, method: str, target: str, payload: bytes | None, kind: str) -> tuple[int, bytes]:
        headers = self._headers if payload is None else {**self._headers, "Content-Type": kind}
        while True:
            connection, kept = self._kept()
            try:
                connection.request(method, target, payload, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except BaseException as error:
                connection.close()
                self._local.connection = None
                # An idle connection that the server has closed shows only now; on a new one it is the truth.
                if not kept or isinstance(error, TimeoutError) or not isinstance(error, (OSError, http.client.HTTPException)):
                    raise

    def _kept(self) -> tuple[http.client.HTTPConnection, bool]:
        """This thread's connection, and whether it was used before."""
        left = ATTEMPT_SECONDS if self._until is None else min(ATTEMPT_SECONDS, self._until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        kept = connection is not None and connection.sock is not None
        if connection is None:
            connection = self._local.connection = self.connection(left)
        elif connection.sock is not None:
            connection.sock.settimeout(left)
        return connection, kept

    def _parsed(self, method: str, path: str, answer: bytes) -> Json:
        try:
            parsed = json.loads(answer)
        except ValueError as error:
            raise Unreachable(f"what {self.server} answered to {method} {path} is not valid JSON") from error
        if not isinstance(parsed, dict):
            raise Unreachable(f"what {self.server} answered to {method} {path} is no object")
        return parsed


def _plain(query: Query) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
