"""The API server, over ``http.client``: requests from any thread, and watches that cost nothing while nothing happens."""

from __future__ import annotations

import collections.abc
import contextlib
import http.client
import json
import random
import socket
import threading
import typing as t
import urllib.parse

from .kubeconfig import Access
from .types import Json

REQUEST_SECONDS = 30.0
WATCH_SECONDS = 300
STRATEGIC = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The server said no. ``status`` is 0 when there was no answer at all."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Api:
    """Each thread keeps one connection."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._url = urllib.parse.urlsplit(access.server)
        self._local = threading.local()
        self.requests = 0

    def get(self, path: str, **query: str) -> Json:
        return self.request("GET", path, query=query)

    def find(self, path: str) -> Json | None:
        """The object, or None when there is none."""
        with missing_is_fine():
            return self.get(path)
        return None

    def create(self, path: str, body: Json) -> Json:
        return self.request("POST", path, body)

    def patch(self, path: str, body: Json, kind: str = STRATEGIC) -> Json:
        return self.request("PATCH", path, body, kind)

    def delete(self, path: str, body: Json | None = None) -> Json:
        return self.request("DELETE", path, body)

    def apply(self, path: str, body: Json) -> Json:
        """Server-side apply: makes the object or brings it to this content, in one request."""
        return self.request("PATCH", path, body, "application/apply-patch+yaml", {"fieldManager": "lab-kubelet", "force": "true"})

    def request(self, method: str, path: str, body: Json | None = None, kind: str = "application/json", query: dict[str, str] | None = None) -> Json:
        target = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        payload = None if body is None else json.dumps(body).encode()
        self.requests += 1
        for attempt in (0, 1):
            fresh = getattr(self._local, "connection", None) is None
            try:
                return self._answer(*self._exchange(method, target, payload, kind))
            except (OSError, http.client.HTTPException) as error:
                self._local.connection = None
                # An idle connection that the server has closed shows only now; on a new one it is the truth.
                if fresh or attempt:
                    raise ApiError(0, "Unreachable", f"{method} {path}: {error}") from error
        raise AssertionError

    def _exchange(self, method: str, target: str, payload: bytes | None, kind: str) -> tuple[int, bytes]:
        connection = self._connection(REQUEST_SECONDS)
        headers = {"Accept": "application/json", "Content-Type": kind, **self._access.headers}
        connection.request(method, target, payload, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _answer(self, status: int, content: bytes) -> Json:
        if 200 <= status < 300:
            return t.cast(Json, json.loads(content))
        raise _error(status, content)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._new(timeout)
        return connection

    def _new(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._access.tls is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._access.tls)

    def watch(self, path: str, version: str, stop: Stop, **query: str) -> collections.abc.Iterator[Json]:
        """Events since ``version`` until the server ends the watch. ApiError 410 when the version is too old."""
        asked = {**query, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        asked["timeoutSeconds"] = str(WATCH_SECONDS + random.randrange(WATCH_SECONDS))
        connection = self._new(2 * WATCH_SECONDS + REQUEST_SECONDS)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(asked)}", headers={"Accept": "application/json", **self._access.headers})
            stop.holds(connection.sock)
            response = connection.getresponse()
            if response.status != 200:
                raise _error(response.status, response.read())
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(int(event["object"].get("code") or 0), str(event["object"].get("reason")), str(event["object"].get("message")))
                yield event
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(0, "Unreachable", f"watch of {path}: {error}") from error
        finally:
            connection.close()


class Stop:
    """Ends a watch that waits in another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._socket: socket.socket | None = None

    def holds(self, sock: socket.socket | None) -> None:
        self._socket = sock
        if self._event.is_set():
            self.set()

    def set(self) -> None:
        self._event.set()
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


@contextlib.contextmanager
def missing_is_fine() -> collections.abc.Iterator[None]:
    """For deletes and reads of what may be gone already."""
    try:
        yield
    except ApiError as error:
        if error.status != 404:
            raise


def _error(status: int, content: bytes) -> ApiError:
    try:
        answer = json.loads(content)
        return ApiError(status, str(answer.get("reason")), str(answer.get("message")))
    except (ValueError, AttributeError):
        return ApiError(status, "", content[:200].decode("utf-8", "replace"))
