# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Types of request fields, checked and worded as pydantic does in vLLM, without the 20 MiB that pydantic takes."""

from __future__ import annotations

import json
import typing as t

from starlette.requests import Request

from ._errors import ApiError

Body = dict[str, t.Any]
Problem = dict[str, t.Any]
_TRUE = {"true", "yes", "on", "1", "t", "y"}
_FALSE = {"false", "no", "off", "0", "f", "n"}
_MAX_INPUT = 200


class ParseError(Exception):
    """A body that FastAPI cannot even read: 400 with a ``detail`` and no ``error``."""


def invalid(problems: list[t.Any]) -> ApiError:
    """The answer to one or more problems of type: 400 "Bad Request", never 422."""
    label = "error" if len(problems) == 1 else "errors"
    text = f"{len(problems)} validation {label}:\n" + "\n".join(f"  {problem}" for problem in problems[:10])
    if len(problems) > 10:
        text += f"\n  ...and {len(problems) - 10} more {label}"
    first = problems[0]
    return ApiError(400, text, "Bad Request", first["loc"] if isinstance(first, dict) else None)


def problem(kind: str, loc: str, message: str, value: t.Any, **more: t.Any) -> Problem:
    return {"type": kind, "loc": loc, "msg": message, "input": _summary(value), **more}


def missing(loc: str, value: t.Any) -> Problem:
    return problem("missing", loc, "Field required", value)


def _summary(value: t.Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= _MAX_INPUT else value[:_MAX_INPUT] + "...[truncated]"
    if isinstance(value, (list, dict)):
        return f"<{type(value).__name__} of {len(value)} items>"
    return str(value)


async def json_body(request: Request) -> Body:
    """The body as an object, or the error that FastAPI would answer with."""
    media = request.headers.get("content-type", "").lower().split(";", 1)[0]
    raw = await request.body()
    if media != "application/json":
        raise invalid(["Unsupported Media Type: Only 'application/json' is allowed"])
    if not raw:
        raise invalid([missing("body", None)])
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as caught:
        raise invalid([problem("json_invalid", f"body.{caught.pos}", "JSON decode error", {}, ctx={"error": caught.msg})]) from None
    except (UnicodeDecodeError, RecursionError):
        raise ParseError from None
    if value is None:
        raise invalid([missing("body", None)])
    if not isinstance(value, dict):
        raise invalid([problem("model_attributes_type", "body", "Input should be a valid dictionary or object to extract fields from", value)])
    return value


def _integer(value: t.Any, loc: str) -> int | Problem:
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        return problem("int_from_float", loc, "Input should be a valid integer, got a number with a fractional part", value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return problem("int_parsing", loc, "Input should be a valid integer, unable to parse string as an integer", value)
    return problem("int_type", loc, "Input should be a valid integer", value)


def _number(value: t.Any, loc: str) -> float | Problem:
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return problem("float_parsing", loc, "Input should be a valid number, unable to parse string as a number", value)
    return problem("float_type", loc, "Input should be a valid number", value)


def _boolean(value: t.Any, loc: str) -> bool | Problem:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if isinstance(value, (str, int, float)) and text in _TRUE | _FALSE:
        return text in _TRUE
    return problem("bool_parsing", loc, "Input should be a valid boolean, unable to interpret input", value)


def _text(value: t.Any, loc: str) -> str | Problem:
    return value if isinstance(value, str) else problem("string_type", loc, "Input should be a valid string", value)


def _list(value: t.Any, loc: str) -> list[t.Any] | Problem:
    return value if isinstance(value, list) else problem("list_type", loc, "Input should be a valid list", value)


def _object(value: t.Any, loc: str) -> t.Any:
    return Wrapped(value) if isinstance(value, dict) else problem("dict_type", loc, "Input should be a valid dictionary", value)


class Wrapped:
    """Tells a valid object from a problem, which is a dict too."""

    def __init__(self, value: Body) -> None:
        self.value = value


_READERS: dict[str, t.Callable[[t.Any, str], t.Any]] = {
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "str": _text,
    "list": _list,
    "dict": _object,
}


def check(body: Body, fields: t.Mapping[str, str], required: tuple[str, ...] = ()) -> Body:
    """Known fields read as their type (null means absent), unknown ones ignored, every problem told at once."""
    read: Body = {}
    problems: list[Problem] = []
    for name in required:
        if body.get(name) is None and name not in body:
            problems.append(missing(f"body.{name}", body))
    for name, kind in fields.items():
        value = body.get(name)
        if value is None:
            continue
        result = _READERS[kind](value, f"body.{name}")
        if isinstance(result, dict):
            problems.append(result)
        else:
            read[name] = result.value if isinstance(result, Wrapped) else result
    if problems:
        raise invalid(problems)
    return read
