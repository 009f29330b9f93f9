# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON as the real server writes it: compact, not ASCII-escaped."""

from __future__ import annotations

import json
import typing as t

from starlette.responses import Response

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
dump = _ENCODER.encode


def answer(body: t.Any, status: int = 200) -> Response:
    return Response(dump(body).encode("utf-8", "surrogatepass"), status, media_type="application/json")


def event(body: t.Any) -> str:
    return f"data: {dump(body)}\n\n"


def usage_of(prompt: int, made: int) -> dict[str, t.Any]:
    return {"prompt_tokens": prompt, "total_tokens": prompt + made, "completion_tokens": made}
