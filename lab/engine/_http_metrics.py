# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``http_*`` metrics, counted as prometheus-fastapi-instrumentator counts them inside vLLM."""

from __future__ import annotations

import re
import time
import typing as t

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from ._server import Receive, Scope, Send

App = t.Callable[[Scope, Receive, Send], t.Awaitable[None]]
_EXCLUDED = re.compile(r"/metrics|/health|/load|/ping|/version|/server_info")  # anywhere in the path
_HIGH = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60)
_LOW = (0.1, 0.5, 1)


class HttpMetrics:
    def __init__(self, app: App, registry: CollectorRegistry) -> None:
        self.app = app
        self._total = Counter(
            "http_requests_total", "Total number of requests by method, status and handler.", ("method", "status", "handler"), registry=registry
        )
        self._request = Summary(
            "http_request_size_bytes",
            "Content length of incoming requests by handler. Only value of header is respected. Otherwise ignored. No percentile calculated. ",
            ("handler",),
            registry=registry,
        )
        self._response = Summary(
            "http_response_size_bytes",
            "Content length of outgoing responses by handler. Only value of header is respected. Otherwise ignored. No percentile calculated. ",
            ("handler",),
            registry=registry,
        )
        self._high = Histogram(
            "http_request_duration_highr_seconds",
            "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
            buckets=_HIGH,
            registry=registry,
        )
        self._low = Histogram(
            "http_request_duration_seconds",
            "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ",
            ("method", "handler"),
            buckets=_LOW,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Also notes for the truth file, as ``scope["received"]``, when the request came."""
        if scope["type"] != "http" or _EXCLUDED.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        began = scope["received"] = time.monotonic()
        seen = {"status": 500, "size": 0}

        async def noting(message: t.MutableMapping[str, t.Any]) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                seen["size"] = _length(message["headers"])
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self._count(scope, seen["status"], seen["size"], time.monotonic() - began)

    def _count(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        handler, method = self._handler(scope, status), scope["method"]
        self._total.labels(method, f"{status // 100}xx", handler).inc()
        self._request.labels(handler).observe(_length(scope["headers"]))
        self._response.labels(handler).observe(size)
        self._high.observe(seconds)
        self._low.labels(method, handler).observe(seconds)

    def _handler(self, scope: Scope, status: int) -> str:
        """The route's template; a redirect counts under the path as asked, an unknown path or wrong method under ``none``."""
        if status == 307:
            return str(scope["path"])
        route = scope.get("route")
        return "none" if status == 405 or route is None else str(route.path)


def _length(headers: t.Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
