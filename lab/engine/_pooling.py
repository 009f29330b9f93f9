# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pooling server (``--runner pooling``): embeddings instead of text; the chat routes do not exist there."""

from __future__ import annotations

import array
import base64
import math
import random
import time
import typing as t
import zlib

from starlette.requests import Request
from starlette.responses import Response

from ._errors import ApiError
from ._generate import complete
from ._json import answer
from ._sampling import check_length, check_tokens
from ._schema import Body, check, invalid, json_body, missing
from ._server import Server, request_id, server_of

DIMENSIONS = 64


async def embeddings(request: Request) -> Response:
    return await _pooled(request, "embd", "embedding")


async def pooling(request: Request) -> Response:
    return await _pooled(request, "pool", "data")


async def _pooled(request: Request, prefix: str, field: str) -> Response:
    server, body = server_of(request), await json_body(request)
    if "input" not in body and "messages" not in body:
        raise invalid([missing("body.input", body)])
    read = check(body, {"model": "str", "encoding_format": "str", "dimensions": "int"})
    model = server.model_name(read.get("model"))
    inputs = _inputs(body.get("input", ""))
    limit = server.settings.max_model_len
    counts = [check_tokens(len(item), limit) if isinstance(item, list) else check_length(item, limit) for item in inputs]
    name = request_id(prefix, request)
    planned = [server.engine.plan(name, count, 1, 0, to_the_end=True) for count in counts]
    if not await complete(server, request, planned):
        return Response(status_code=499)
    encoded = read.get("encoding_format") == "base64"
    data = [
        {"index": index, "object": "embedding" if field == "embedding" else "pooling", field: _encode(_vector(server, item), encoded)}
        for index, item in enumerate(inputs)
    ]
    usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts), "completion_tokens": 0, "prompt_tokens_details": None}
    return answer({"id": name, "object": "list", "created": int(time.time()), "model": model, "data": data, "usage": usage})


def _inputs(value: t.Any) -> list[str | list[int]]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        return [value] if all(isinstance(item, int) for item in value) else value
    raise ApiError(400, "You must pass at least one prompt")


def _vector(server: Server, item: str | list[int]) -> list[float]:
    """The same text gives the same unit vector."""
    source = random.Random(zlib.crc32(repr(item).encode("utf-8", "surrogatepass")))
    raw = [source.gauss(0.0, 1.0) for _ in range(DIMENSIONS)]
    norm = math.sqrt(sum(value * value for value in raw))
    return [value / norm for value in raw]


def _encode(vector: list[float], encoded: bool) -> Body | list[float] | str:
    return base64.b64encode(array.array("f", vector).tobytes()).decode() if encoded else vector
