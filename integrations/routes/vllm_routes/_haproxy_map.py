# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes as one map of HAProxy: a single look-up of a key decides, so that no request sees half of a change. Pure.

=================  ==========================================================================
``model@revision``  ``200|route|revision|scheme|host|port|path`` or ``503|seconds|reason``
``model``           the same, for requests that name no revision; ``split`` when several share
``model#0`` to 999  the same for each thousandth of the traffic, when several share it
``/models``         what ``GET /v1/models`` answers
``/digest``         of all the rest: tells whether a running HAProxy has this map
=================  ==========================================================================
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import urllib.parse

from ._table import Refusal, Route, Table

LOG = logging.getLogger("vllm_routes")
#: Shares are kept to a tenth of a percent.
SLOTS = 1000
DIGEST_KEY = "/digest"
#: A key of a map ends at the first space; '#' and a leading '/' are ours. The registry's own module lets none of these in.
_KEY = re.compile(r"[^\s#/][^\s#]{0,400}")


def entries(table: Table) -> dict[str, str]:
    found: dict[str, str] = {}
    for model, routes in table.models.items():
        if not _KEY.fullmatch(model):
            LOG.warning("model %r is left out: HAProxy cannot have that name as a key", model)
            continue
        for route in routes:
            if _KEY.fullmatch(route.revision):
                found[route.name] = _value(table.find(model, route.revision))
        found.update(_of_model(model, table.find(model)))
    found["/models"] = _listed(table)
    found[DIGEST_KEY] = hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()
    return found


def lines(found: dict[str, str]) -> str:
    """The map's file, and what ``add map`` takes."""
    return "".join(f"{key} {value}\n" for key, value in sorted(found.items()))


def _of_model(model: str, answer: tuple[Route, ...] | Refusal) -> dict[str, str]:
    if isinstance(answer, Refusal) or len(answer) == 1:
        return {model: _value(answer)}
    values = [_value((route,)) for route in answer]
    slots = [value for value, count in zip(values, slot_counts([route.share for route in answer]), strict=True) for _slot in range(count)]
    return {model: "split", **{f"{model}#{number}": value for number, value in enumerate(slots)}}


def slot_counts(shares: list[float]) -> list[int]:
    """How many of the slots each share gets, by the largest remainder: they add up to all of them."""
    whole = sum(shares)
    exact = [share / whole * SLOTS for share in shares]
    counts = [int(part) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: SLOTS - sum(counts)]:
        counts[index] += 1
    return counts


def _value(answer: tuple[Route, ...] | Refusal) -> str:
    if isinstance(answer, Refusal):
        return f"{answer.status}|{answer.retry_after}|{_one_line(answer.message)}"
    route = answer[0]
    target = urllib.parse.urlsplit(route.url)
    try:
        port = target.port or (443 if target.scheme == "https" else 80)
    except ValueError:
        port = 0
    if not target.hostname or not port:
        return f"503|60|{_one_line(f'The endpoint {route.url!r} of the model `{route.model_name}` cannot be read.')}"
    path = target.path.rstrip("/").removesuffix("/v1")
    return "|".join(("200", route.route_id, _field(route.revision), target.scheme, target.hostname, str(port), _field(path)))


def _listed(table: Table) -> str:
    models = [
        {"id": model, "object": "model", "created": 0, "owned_by": "vllm"} for model in sorted(table.models) if not isinstance(table.find(model), Refusal)
    ]
    return json.dumps({"object": "list", "data": models}, separators=(",", ":"))


def _field(text: str) -> str:
    return _one_line(text).replace("|", "%7C")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
