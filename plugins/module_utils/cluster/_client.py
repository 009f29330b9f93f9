# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A small API client over ``http.client``: raw bytes, one deadline, bounded retries, and a count of what it cost.

The kubernetes package's clients build a Python object per field: 144 s for 100,000 pods where this takes about one.
"""

from __future__ import annotations

import copy
import dataclasses
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
from .._errors import Error
from ..http import _message
from ..http._dial import dial
from ..http._message import NotSentError
from ..http._wire import TooLargeError, Wire
from ._connection import Connection

Json = dict[str, t.Any]
#: ``bytes`` is a count inside of Client.
Raw: t.TypeAlias = bytes
Query: t.TypeAlias = "t.Mapping[str, str | int | bool]"

RETRIED = (429, 503, 504)
#: After these it is not known whether the request took effect.
UNCLEAR = (503, 504)
ATTEMPT_SECONDS = 30.0
#: Without patience a read is repeated for so long at most: a client's deadline may be that of a rollout's wait of half an hour, and in all that
#: time nothing would be told and no lock renewed.
CALL_SECONDS = 60.0
MAX_PAUSE_SECONDS = 4.0


#: The API server closes a connection that was idle for 90 s, load balancers earlier; a write on one that just closed cannot be repeated safely.
IDLE_SECONDS = 20.0
BROKEN_OFF = (http.client.HTTPException, ConnectionResetError, BrokenPipeError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
#: These will not pass.
LASTING = (NotSentError, TooLargeError, ssl.SSLCertVerificationError)
#: POST asks here, and nothing is stored: SelfSubjectAccessReview and its kin.
REVIEWS = ("/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/")


class ApiError(Error):
    """The API server answered, and said no. ``status`` is its HTTP status, ``reason`` the Status object's.

    ``repeated``: an earlier try of the same write had an unclear end, so that this may be the answer to our own success.
    """

    code = "api_error"

    def __init__(self, message: str, *, status: int, reason: str = "", path: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.path = path
        self.repeated = False


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
    """No answer at all: connection refused, reset, TLS failure. ``sent``: the request had gone out, and may have taken effect."""

    code = "api_unreachable"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


_KINDS: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


@dataclasses.dataclass
class _Cost:
    requests: int = 0
    bytes: int = 0
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)


class Client:
    """Thread-safe: each thread keeps a connection of its own. ``requests`` and ``bytes`` count over all of them.

    ``patience`` is for a control plane that goes away in mid-run (an upgrade of the API server, a load balancer that fails over): so many seconds
    from the first failure of a call, the call is tried again when that is safe. An attempt that has begun may end after that. What is safe:

    ==================  ===========================================================================================================
    any verb            when nothing was sent (connection refused, name not resolved, TLS not established), or on 429
    GET, reviews,       always: nothing is stored
    and ``dryRun``
    PUT, PATCH          when metadata.resourceVersion is in the body. If the first try did take effect, the repeated one ends in Conflict
                        with ``repeated``: read the object again to see whose change it was. Without a resourceVersion a repeated write
                        could undo what somebody else wrote in between, so it is not repeated.
    POST                when the body has a fixed name and makes a new object: the same holds. With generateName there would be two objects.
    DELETE              when the body has preconditions (uid), so that nobody's new object goes; NotFound is then what was wanted.
    ==================  ===========================================================================================================

    With ``patience`` 0 only what breaks in the middle of a read is repeated, and what was turned away by 429.
    """

    def __init__(self, connection: Connection, deadline: Deadline, *, patience: float = 0.0, user_agent: str = "inference.vllm") -> None:
        self.connection = connection
        self.deadline = deadline
        self.patience = patience
        self._cost = _Cost()
        self._tls = connection.tls()
        self._by = connection.by()
        self._url = urllib.parse.urlsplit(connection.host)
        self._port = self._url.port or (443 if self._tls else 80)
        self._user_agent = user_agent
        # Thirteen times fewer bytes; on loopback packing costs more than it saves.
        self._packed = self._url.hostname not in ("127.0.0.1", "::1", "localhost")
        self._local = threading.local()

    @property
    def requests(self) -> int:
        return self._cost.requests

    @property
    def bytes(self) -> int:
        return self._cost.bytes

    def within(self, deadline: Deadline, *, patience: float | None = None) -> Client:
        """This client with another deadline, on the same connections: the end of a long wait must not leave what comes after it without time."""
        other = copy.copy(self)
        other.deadline = deadline
        other.patience = self.patience if patience is None else patience
        return other

    def get(self, path: str, query: Query | None = None) -> Json:
        return self._parsed("GET", path, self.raw("GET", path, query))

    def create(self, path: str, body: Json, query: Query | None = None) -> Json:
        return self._parsed("POST", path, self.raw("POST", path, query, body))

    def replace(self, path: str, body: Json, query: Query | None = None) -> Json:
        return self._parsed("PUT", path, self.raw("PUT", path, query, body))

    def patch(self, path: str, body: t.Any, *, kind: str = "application/merge-patch+json") -> Json:
        return self._parsed("PATCH", path, self.raw("PATCH", path, None, body, kind))

    def apply(self, path: str, body: Json, query: Query) -> Json:
        """Server-side apply; JSON is YAML."""
        return self._parsed("PATCH", path, self.raw("PATCH", path, query, body, "application/apply-patch+yaml"))

    def delete(self, path: str, body: Json | None = None) -> None:
        try:
            self.raw("DELETE", path, None, body)
        except NotFound as error:
            # The first try, whose answer was lost, has removed it.
            if not error.repeated:
                raise

    def exists(self, path: str) -> bool:
        try:
            self.raw("GET", path)
        except NotFound:
            return False
        return True

    def dial(self, timeout: float) -> socket.socket:
        """A connected socket of the caller's own, for what is not request and answer; raises OSError."""
        return dial(self._url.hostname or "", self._port, timeout, tls=self._tls, server_name=self.connection.tls_server_name, by=self._by)

    def pages(self, path: str, query: Query | None = None, *, limit: int = 500) -> t.Iterator[Raw]:
        """Each page of a list as it came. Raises Gone when the list expires in the middle: start again."""
        asked: dict[str, str | int | bool] = {**(query or {}), "limit": limit}
        while True:
            page = self.raw("GET", path, asked)
            yield page
            try:
                token = _continue_token(page)
            except (ValueError, KeyError, AttributeError) as error:
                raise self._garbled("GET", path) from error
            if not token:
                return
            asked["continue"] = token

    def items(self, path: str, query: Query | None = None, *, limit: int = 500) -> list[Json]:
        """A whole list, read by pages; for what is known to be small."""
        return [item for page in self.pages(path, query, limit=limit) for item in self._parsed("GET", path, page).get("items") or []]

    def raw(self, method: str, path: str, query: Query | None = None, body: t.Any = None, kind: str = "application/json") -> Raw:
        """The body of a 2xx answer. Repeats what may pass and is safe to repeat (see the class) within the deadline."""
        target = path if not query else f"{path}?{urllib.parse.urlencode(_plain(query))}"
        payload = None if body is None else json.dumps(body).encode()
        safe = repeatable(method, path, query, body) if self.patience else method == "GET"
        pause, until, unclear = 0.1, float("inf"), False
        while True:
            seen: Error
            try:
                status, answer = self._attempt(method, target, payload, kind)
            except Unreachable as error:
                seen = error
                again = self._passes(error) and (safe or (self.patience > 0 and not error.sent))
                unclear = unclear or error.sent
            else:
                if 200 <= status < 300:
                    return answer
                refused = self._error(method, path, status, answer)
                refused.repeated = unclear
                seen = refused
                again = status == 429 or (safe and status in RETRIED)
                unclear = unclear or status in UNCLEAR
            until = min(until, time.monotonic() + (self.patience or CALL_SECONDS))
            left = until - time.monotonic()
            # Whatever Retry-After says: a server that asks for an hour would hang the play.
            wait = min(pause * random.uniform(0.5, 1.0), max(left, 0.01))
            if not again or left <= 0 or self.deadline.remaining() <= wait:
                raise seen
            time.sleep(wait)
            if self.deadline.expired():
                raise seen  # what was seen last says more than that the time is up
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _passes(self, error: Unreachable) -> bool:
        """Whether the same request may be answered a moment later."""
        if isinstance(error.__cause__, LASTING):
            return False
        return self.patience > 0 or isinstance(error.__cause__, BROKEN_OFF)

    def _parsed(self, method: str, path: str, answer: Raw) -> Json:
        try:
            parsed = json.loads(answer)
        except ValueError as error:
            raise self._garbled(method, path) from error
        if not isinstance(parsed, dict):
            raise self._garbled(method, path)
        return parsed

    def _garbled(self, method: str, path: str) -> Unreachable:
        return Unreachable(f"what {self.connection.host} answered to {method} {path} is not a JSON object; is it an API server, or does a proxy answer for it?")

    def _attempt(self, method: str, target: str, payload: Raw | None, kind: str) -> tuple[int, Raw]:
        what = f"{method} {target.partition('?')[0]}"
        seconds = self.deadline.limit(ATTEMPT_SECONDS, f"{what} at {self.connection.host}")
        headers = self._headers(payload, kind)
        sent = False
        try:
            until = time.perf_counter() + seconds
            wire = self._open(seconds)
            request = _message.head(method, self._url.path.rstrip("/") + target, headers) + (payload or b"")
            sent = True
            # Every read gets what is left of the attempt, so that an answer that drips is bounded as a whole.
            wire.begin(until, _message.LARGEST)
            wire.sendall(request)
            response = wire.answer(method)
            answer = _message.body(response)
        except (OSError, http.client.HTTPException, NotSentError) as error:
            self._close()
            raise Unreachable(f"the API server at {self.connection.host} did not answer {what}: {_words(error)}", sent=sent) from error
        if response.will_close:
            self._close()
        with self._cost.lock:
            self._cost.requests += 1
            self._cost.bytes += len(answer)
        return response.status, answer

    def _headers(self, payload: Raw | None, kind: str) -> list[tuple[str, str]]:
        headers = [("Host", self._url.netloc), ("Accept", "application/json"), ("User-Agent", self._user_agent), *self.connection.headers()]
        if payload is not None:
            headers += [("Content-Type", kind), ("Content-Length", str(len(payload)))]
        if self._packed:
            headers.append(("Accept-Encoding", "gzip"))
        return headers

    def _open(self, seconds: float) -> Wire:
        wire: Wire | None = getattr(self._local, "wire", None)
        if wire is not None and time.monotonic() - self._local.used > IDLE_SECONDS:
            self._close()
            wire = None
        if wire is None:
            wire = Wire(self.dial(seconds))
            self._local.wire = wire
        self._local.used = time.monotonic()
        return wire

    def _close(self) -> None:
        wire: Wire | None = getattr(self._local, "wire", None)
        if wire is not None:
            wire.cut()
            self._local.wire = None

    def _error(self, method: str, path: str, status: int, answer: Raw) -> ApiError:
        reason, message = _status(answer)
        kind = _KINDS.get(status, ApiError)
        text = f"{method} {path} at {self.connection.host}: HTTP {status}{' ' + reason if reason else ''}: {message}"
        if status == 401:
            text += "; the credentials are wrong or have expired: check the kubeconfig or token"
        elif status == 403:
            text += "; ask for that RBAC rule (integrations/kubernetes/operator.yaml has those of a deploy)"
        return kind(text, status=status, reason=reason, path=path)


def repeatable(method: str, path: str, query: Query | None, body: t.Any) -> bool:
    """Whether the request may be sent again although its first try may have taken effect; the table of ``Client`` says why."""
    metadata = (body.get("metadata") if isinstance(body, dict) else None) or {}
    if method == "GET" or path.startswith(REVIEWS) or (query or {}).get("dryRun"):
        return True
    if method in ("PUT", "PATCH"):
        return bool(metadata.get("resourceVersion"))
    if method == "POST":
        # What is posted below an object of that name (an eviction, a binding) does something to it, again and again.
        return bool(metadata.get("name")) and metadata["name"] not in path.split("/")
    return method == "DELETE" and isinstance(body, dict) and bool(body.get("preconditions"))


def _continue_token(page: bytes) -> str:
    """The list's metadata stands before its items, so the first 4 KiB hold the token; else the whole page is parsed."""
    head = page[:4096]
    marker = head.find(b'"items":')
    start = head.find(b'"metadata":')
    if 0 <= start < marker:
        metadata, _end = json.JSONDecoder().raw_decode(head[start + len(b'"metadata":') :].decode().lstrip())
        return t.cast(str, metadata.get("continue", ""))
    return t.cast(str, json.loads(page)["metadata"].get("continue", ""))


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
