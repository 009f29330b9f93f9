"""What the kubelet asks of the API server beyond the lab's client: watches that cost nothing while nothing happens."""

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

from .._client import ApiError, Client, NotFound, Unreachable
from .kubeconfig import Access
from .types import Json

REQUEST_SECONDS = 30.0
WATCH_SECONDS = 300
STRATEGIC = "application/strategic-merge-patch+json"


class Api(Client):
    """A request that fails is not tried again here: each loop of the kubelet comes back to what it could not do."""

    def __init__(self, access: Access) -> None:
        super().__init__(access.server, access.tls, access.headers)

    def find(self, path: str) -> Json | None:
        """The object, or None when there is none."""
        with missing_is_fine():
            return self.get(path)
        return None

    def patch(self, path: str, body: t.Any, kind: str = STRATEGIC) -> Json:
        return super().patch(path, body, kind)

    def apply(self, path: str, body: Json, manager: str = "lab-kubelet") -> Json:
        return super().apply(path, body, manager)

    def watch(self, path: str, version: str, stop: Stop, **query: str) -> collections.abc.Iterator[Json]:
        """Events since ``version`` until the server ends the watch. ApiError 410 when the version is too old."""
        asked = {**query, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        asked["timeoutSeconds"] = str(WATCH_SECONDS + random.randrange(WATCH_SECONDS))
        connection = self.connection(2 * WATCH_SECONDS + REQUEST_SECONDS)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(asked)}", headers=self._headers)
            stop.holds(connection.sock)
            response = connection.getresponse()
            if response.status != 200:
                raise self.refused("GET", path, response.status, response.read())
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(int(event["object"].get("code") or 0), str(event["object"].get("reason")), str(event["object"].get("message")))
                yield event
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"watch of {path}: {error}") from error
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
    with contextlib.suppress(NotFound):
        yield
