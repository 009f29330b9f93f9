# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health, versions, models, metrics, tokens: the routes that generate nothing."""

from __future__ import annotations

import time

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from . import VERSION
from ._chat import render
from ._errors import ApiError
from ._json import answer
from ._schema import Body, check, invalid, json_body, missing
from ._server import Server, long_id, server_of
from ._settings import Adapter


async def health(request: Request) -> Response:
    """Says that the engine process lives; it generates nothing."""
    return Response(status_code=503 if server_of(request).engine.dead else 200)


async def version(request: Request) -> Response:
    return answer({"version": VERSION})


async def load(request: Request) -> Response:
    return answer({"server_load": server_of(request).load})


async def kv_event_sources(request: Request) -> Response:
    return answer({})


async def metrics(request: Request) -> Response:
    plain = request.method != "GET"
    kind = "text/plain; version=0.0.4; charset=utf-8" if plain else CONTENT_TYPE_LATEST
    return Response(generate_latest(server_of(request).registry), media_type=kind)


async def models(request: Request) -> Response:
    server = server_of(request)
    cards = [_card(name, server.settings.model, None, server.settings.max_model_len) for name in server.names]
    cards += [_card(adapter.name, adapter.path, server.names[0], None) for adapter in server.adapters]
    return answer({"object": "list", "data": cards})


def _card(name: str, root: str, parent: str | None, length: int | None) -> Body:
    """``created`` and the permission's id are new in every answer, as in the real server."""
    now = int(time.time())
    permission = {
        "id": f"modelperm-{long_id()}",
        "object": "model_permission",
        "created": now,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    card = {"id": name, "object": "model", "created": now, "owned_by": "vllm", "root": root, "parent": parent, "max_model_len": length}
    return card | {"permission": [permission]}


async def tokenize(request: Request) -> Response:
    server, body = server_of(request), await json_body(request)
    if "prompt" not in body and "messages" not in body:
        raise invalid([missing("body.TokenizeCompletionRequest.prompt", body), missing("body.TokenizeChatRequest.messages", body)])
    read = check(body, {"model": "str", "prompt": "str", "messages": "list", "return_token_strs": "bool"})
    server.model_name(read.get("model"))
    text = read["prompt"] if "prompt" in read else render(read["messages"])
    numbers = server.tokenizer.encode(text)
    strings = [server.tokenizer.decode([number]) for number in numbers] if read.get("return_token_strs") else None
    return answer({"count": len(numbers), "max_model_len": server.settings.max_model_len, "tokens": numbers, "token_strs": strings})


async def detokenize(request: Request) -> Response:
    server = server_of(request)
    read = check(await json_body(request), {"model": "str", "tokens": "list"}, required=("tokens",))
    server.model_name(read.get("model"))
    return answer({"prompt": server.tokenizer.decode(read["tokens"])})


_DOCS_PAGE = """<!DOCTYPE html>
<html>
<head>
<title>FastAPI - Swagger UI</title>
</head>
<body>
<div id="swagger-ui">
</div>
</body>
</html>
"""
_RESPONSES = {"responses": {"200": {"description": "Successful Response"}}}


async def docs(request: Request) -> Response:
    return HTMLResponse(_DOCS_PAGE)


async def openapi(request: Request) -> Response:
    """The paths and methods; the schemas of the real document are not imitated."""
    paths: dict[str, Body] = {}
    for route in request.app.routes:
        if route.path not in ("/docs", "/openapi.json"):
            paths.setdefault(route.path, {}).update(
                {method.lower(): {"responses": {"200": {"description": "Successful Response"}}} for method in route.methods}
            )
    return answer({"openapi": "3.1.0", "info": {"title": "FastAPI", "version": "0.1.0"}, "paths": paths})


async def no_scale_out(request: Request) -> Response:
    raise ApiError(403, "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them.", "PermissionDeniedError")


async def load_adapter(request: Request) -> Response:
    server = server_of(request)
    read = check(await json_body(request), {"lora_name": "str", "lora_path": "str"}, required=("lora_name", "lora_path"))
    return add_adapter(server, read["lora_name"], read["lora_path"])


def add_adapter(server: Server, name: str, path: str) -> Response:
    if not name or not path:
        raise ApiError(400, "Both 'lora_name' and 'lora_path' must be provided.", "InvalidUserInput")
    if any(adapter.name == name for adapter in server.adapters):
        raise ApiError(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
    server.adapters.append(Adapter(name, path))
    return Response(f"Success: LoRA adapter '{name}' added successfully.")


async def unload_adapter(request: Request) -> Response:
    server = server_of(request)
    name = check(await json_body(request), {"lora_name": "str"}, required=("lora_name",))["lora_name"]
    found = [adapter for adapter in server.adapters if adapter.name == name]
    if not found:
        raise ApiError(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
    server.adapters.remove(found[0])
    return Response(f"Success: LoRA adapter '{name}' removed successfully.")
