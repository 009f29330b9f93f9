# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes as LiteLLM's deployments. Pure."""

from __future__ import annotations

import typing as t

from ._table import Route, Table

#: A request names a revision by it, and an answer says by it which revision it came from.
REVISION_HEADER = "x-vllm-revision"


def deployments(table: Table) -> list[dict[str, t.Any]]:
    """What may be routed to, one entry of ``model_list`` each. The id of a deployment is the id of the registry's row.

    What has no share stands under ``model@revision``: LiteLLM would send to a weight of 0 when all others are cooling down.
    """
    return [_deployment(route) for routes in table.models.values() for route in routes if route.routable]


def _deployment(route: Route) -> dict[str, t.Any]:
    parameters: dict[str, t.Any] = {
        "model": f"hosted_vllm/{route.model_name}",
        "api_base": f"{route.url.rstrip('/').removesuffix('/v1')}/v1",
        "input_cost_per_token": route.input_cost_per_token,
        "output_cost_per_token": route.output_cost_per_token,
    }
    if route.share > 0:
        parameters["weight"] = route.share
    info = {"id": route.route_id, "revision": route.revision, "display_name": route.display_name, "bundle": route.bundle, "registry_version": route.version}
    return {"model_name": route.model_name if route.share > 0 else route.name, "litellm_params": parameters, "model_info": info}
