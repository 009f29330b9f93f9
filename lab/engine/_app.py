# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes of one server, and the layers around them in vLLM's order."""

from __future__ import annotations

import typing as t

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import _basic as basic
from . import _other_apis as other
from . import _pooling as pooling
from ._chat import chat_completions
from ._completions import completions
from ._errors import ApiError, EngineDead
from ._http_metrics import App, HttpMetrics
from ._json import answer
from ._middleware import AccessLog, Authentication, LoadTracking, RequestIds, VaryOrigin
from ._schema import ParseError
from ._server import Server, server_of

Endpoint = t.Callable[[Request], t.Awaitable[Response]]
Entry = tuple[str, str, Endpoint]
_COMMON: list[Entry] = [
    ("/load", "GET", basic.load),
    ("/version", "GET", basic.version),
    ("/kv_event_sources", "GET", basic.kv_event_sources),
    ("/health", "GET", basic.health),
    ("/metrics", "GET HEAD POST", basic.metrics),
    ("/tokenize", "POST", basic.tokenize),
    ("/detokenize", "POST", basic.detokenize),
    ("/v1/models", "GET", basic.models),
    ("/ping", "GET POST", basic.health),
]
_GENERATION: list[Entry] = [
    ("/invocations", "POST", other.invocations),
    ("/v1/chat/completions", "POST", chat_completions),
    ("/v1/responses", "POST", other.responses),
    ("/v1/responses/{response_id}", "GET", other.no_response),
    ("/v1/responses/{response_id}/cancel", "POST", other.no_response),
    ("/v1/completions", "POST", completions),
    ("/v1/messages", "POST", other.messages),
    ("/v1/messages/count_tokens", "POST", other.count_tokens),
    ("/v1/chat/completions/render", "POST", basic.no_scale_out),
    ("/v1/completions/render", "POST", basic.no_scale_out),
]
_POOLING: list[Entry] = [("/v1/embeddings", "POST", pooling.embeddings), ("/pooling", "POST", pooling.pooling)]
_LORA: list[Entry] = [("/v1/load_lora_adapter", "POST", basic.load_adapter), ("/v1/unload_lora_adapter", "POST", basic.unload_adapter)]
_DOCS: list[Entry] = [("/openapi.json", "GET HEAD", basic.openapi), ("/docs", "GET HEAD", basic.docs), ("/redoc", "GET HEAD", basic.docs)]


def entries(server: Server) -> list[Entry]:
    args = server.settings.args
    found = (_POOLING if server.settings.pooling else _GENERATION) + _COMMON + ([] if args.disable_fastapi_docs else _DOCS)
    return found + (_LORA if server.settings.runtime_lora and args.enable_lora else [])


def build(server: Server) -> App:
    routes = [_route(*entry) for entry in entries(server)]
    starlette = Starlette(routes=routes, exception_handlers=_HANDLERS)
    starlette.state.server = server
    app: App = HttpMetrics(starlette, server.registry)
    if server.settings.args.enable_server_load_tracking:
        app = LoadTracking(app, server)
    app = _cors(app, server)
    if server.settings.keys:
        app = Authentication(app, server.settings.keys)
    if server.settings.args.enable_request_id_headers:
        app = RequestIds(app)
    return app if server.settings.args.disable_uvicorn_access_log else AccessLog(app, server.settings.quiet_paths)


def _route(path: str, methods: str, endpoint: Endpoint) -> Route:
    """Starlette would add HEAD to GET; FastAPI's routes, and so vLLM's, refuse it."""
    route = Route(path, endpoint, methods=methods.split())
    route.methods = set(methods.split())
    return route


def _cors(app: App, server: Server) -> App:
    args = server.settings.args
    cors = t.cast(
        App,
        CORSMiddleware(
            t.cast(t.Any, app),
            allow_origins=args.allowed_origins or [],
            allow_credentials=bool(args.allow_credentials),
            allow_methods=args.allowed_methods or ["*"],
            allow_headers=args.allowed_headers or ["*"],
        ),
    )
    return cors if args.allowed_origins or args.allow_credentials else VaryOrigin(app, cors)


async def _api_error(request: Request, caught: Exception) -> Response:
    if isinstance(caught, EngineDead):
        server_of(request).engine.answered_500.set()
    error = t.cast(ApiError, caught)
    return answer(error.body(), error.status)


async def _http_error(request: Request, caught: Exception) -> Response:
    error = t.cast(HTTPException, caught)
    reply = answer({"detail": error.detail}, error.status_code)
    reply.headers.update(error.headers or {})
    return reply


async def _parse_error(request: Request, caught: Exception) -> Response:
    return answer({"detail": "There was an error parsing the body"}, 400)


_HANDLERS: t.Mapping[t.Any, t.Any] = {ApiError: _api_error, HTTPException: _http_error, ParseError: _parse_error}
