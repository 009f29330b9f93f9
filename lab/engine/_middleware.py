# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API key, request ids, and what /load counts: outside the metrics, as in vLLM (a 401 is counted nowhere)."""

from __future__ import annotations

import hashlib
import http
import secrets
import sys
import typing as t
import urllib.parse

from starlette.datastructures import Headers, MutableHeaders

from ._http_metrics import App
from ._json import answer
from ._server import Receive, Scope, Send, Server, long_id

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}
GUARDED = ("/v1", "/v2", "/inference", "/cohere")
_LOAD = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/pooling", "/classify", "/score", "/rerank")


class Authentication:
    def __init__(self, app: App, keys: t.Sequence[str]) -> None:
        self.app = app
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "http" and scope["method"] != "OPTIONS" and scope["path"].removeprefix(scope.get("root_path", "")).startswith(GUARDED)
        if guarded and not self._known(Headers(scope=scope)):
            await answer({"error": "Unauthorized"}, 401)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _known(self, headers: Headers) -> bool:
        scheme, _, key = (headers.get("authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        digest = hashlib.sha256(key.encode()).digest()
        return sum(secrets.compare_digest(digest, known) for known in self._digests) > 0


class RequestIds:
    """``--enable-request-id-headers``"""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id") or long_id()

        async def with_id(message: t.MutableMapping[str, t.Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).append("X-Request-Id", given)
            await send(message)

        await self.app(scope, receive, with_id)


class LoadTracking:
    """``--enable-server-load-tracking``: without it /load says 0 for ever."""

    def __init__(self, app: App, server: Server) -> None:
        self.app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counts = scope["type"] == "http" and scope["path"] in _LOAD
        self._server.load += counts
        try:
            await self.app(scope, receive, send)
        finally:
            self._server.load -= counts


class AccessLog:
    """uvicorn's access log, line for line, at a tenth of its cost; ``--disable-access-log-for-endpoints`` names the quiet paths."""

    def __init__(self, app: App, quiet: frozenset[str]) -> None:
        self.app = app
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._quiet:
            await self.app(scope, receive, send)
            return

        async def logged(message: t.MutableMapping[str, t.Any]) -> None:
            if message["type"] == "http.response.start":
                sys.stdout.write(_access_line(scope, message["status"]))
                sys.stdout.flush()
            await send(message)

        await self.app(scope, receive, logged)


def _access_line(scope: Scope, status: int) -> str:
    host, port = scope["client"] or ("", 0)
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    phrase = _PHRASES.get(status, "")
    return f'INFO:     {host}:{port} - "{scope["method"]} {urllib.parse.quote(scope["path"])}{query} HTTP/{scope["http_version"]}" {status} {phrase}\n'


class VaryOrigin:
    """A server without allowed origins: no CORS header, ``vary: Origin`` on each answer; preflights go to the layer that refuses them."""

    def __init__(self, app: App, cors: App) -> None:
        self.app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._cors(scope, receive, send)
            return

        async def varied(message: t.MutableMapping[str, t.Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"vary", b"Origin")]
            await send(message)

        await self.app(scope, receive, varied)
