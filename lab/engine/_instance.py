# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The smallest value that a JSON schema allows, for the schemas that probes send: what a grammar makes of a model without sense. Pure."""

from __future__ import annotations

import typing as t

_LEAST: dict[str, t.Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "null": None}


def instance(schema: t.Any) -> t.Any:
    """``const``, the first of ``enum``, or the least value of the type; an object has what it requires and no more."""
    if not isinstance(schema, dict):
        return {}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind != "object":
        return _LEAST.get(str(kind))
    properties = schema.get("properties") or {}
    return {name: instance(properties.get(name)) for name in schema.get("required") or ()}
