# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of routes as files that other routers read. Pure."""

from __future__ import annotations

import json
import logging
import re
import typing as t

from . import _haproxy_map
from ._deployments import deployments
from ._files import document
from ._table import Refusal, Route, Table

LOG = logging.getLogger("vllm_routes")
#: What may stand between nginx's double quotes as it is.
_NGINX = re.compile(r"[A-Za-z0-9._/:@+-]{1,400}")


def as_json(table: Table) -> str:
    """Everything, version 1: keys are added, never renamed or removed."""
    return json.dumps(document(table), indent=1) + "\n"


def as_litellm(table: Table) -> str:
    """A configuration file for LiteLLM's proxy, to be included; JSON is YAML."""
    return json.dumps({"model_list": deployments(table)}, indent=1) + "\n"


def as_haproxy(table: Table) -> str:
    """The map of ../haproxy, for who loads it in another way."""
    return _haproxy_map.lines(_haproxy_map.entries(table))


def as_nginx(table: Table) -> str:
    """For the http block: ``$vllm_upstream`` and ``$vllm_refusal`` by ``$http_x_vllm_model`` and ``$http_x_vllm_revision``.

    nginx does not read a request's body, so the client or what stands before names the model by a header.
    """
    upstreams: list[tuple[str, str]] = []
    refusals: list[tuple[str, str]] = []
    splits: list[str] = []
    for number, (model, routes) in enumerate(sorted(table.models.items())):
        if not _NGINX.fullmatch(model):
            LOG.warning("model %r is left out: it cannot stand in nginx's configuration", model)
            continue
        answers: list[tuple[str, tuple[Route, ...] | Refusal]] = [(f"{model}@", table.find(model))]
        answers += [(route.name, table.find(model, route.revision)) for route in routes if _NGINX.fullmatch(route.name)]
        for key, answer in answers:
            if isinstance(answer, Refusal):
                refusals.append((key, f"{answer.status} {_ascii(answer.message)}"))
            elif all(_NGINX.fullmatch(route.url) for route in answer):
                upstreams.append((key, _base(answer[0]) if len(answer) == 1 else f"$vllm_split_{number}"))
                splits += _split(f"$vllm_split_{number}", answer) if len(answer) > 1 else []
    key = '"$http_x_vllm_model@$http_x_vllm_revision"'
    head = "# Written by vllm-routes-export; do not edit.\n"
    return head + "".join(splits) + _map(key, "$vllm_upstream", upstreams, "") + _map(key, "$vllm_refusal", refusals, "")


def _base(route: Route) -> str:
    return route.url.rstrip("/").removesuffix("/v1")


def _split(variable: str, routes: t.Sequence[Route]) -> list[str]:
    whole = sum(route.share for route in routes)
    shares = [f'    {100 * route.share / whole:.2f}% "{_base(route)}";\n' for route in routes[:-1]]
    return [f'split_clients "$request_id" {variable} {{\n', *shares, f'    * "{_base(routes[-1])}";\n}}\n']


def _map(key: str, variable: str, entries: t.Sequence[tuple[str, str]], default: str) -> str:
    lines = "".join(f'    "{name}" "{value}";\n' for name, value in entries)
    return f'map {key} {variable} {{\n    default "{default}";\n{lines}}}\n'


def _ascii(text: str) -> str:
    """For between nginx's double quotes, where it is also the text of a JSON string."""
    return "".join(character if " " <= character <= "~" and character not in '"\\$' else "?" if character > "~" else "'" for character in text)


FORMATS: dict[str, t.Callable[[Table], str]] = {"json": as_json, "nginx": as_nginx, "litellm": as_litellm, "haproxy": as_haproxy}
