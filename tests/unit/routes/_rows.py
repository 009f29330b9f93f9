"""Routes as ``model_routes`` gives them."""

from __future__ import annotations

import dataclasses
import typing as t

from vllm_routes import Route, Table

READY = Route(
    route_id="11111111-1111-1111-1111-111111111111",
    organization_id=None,
    model_name="llama-3-8b",
    revision="rev-a",
    routable=True,
    status="ready",
    refusal="",
    url="http://10.0.0.1:8000",
    share=1.0,
    is_default=True,
    display_name="Llama",
    input_cost_per_token=0.001,
    output_cost_per_token=0.002,
    bundle="sha256:00",
    version=1,
)


def route(**more: t.Any) -> Route:
    return dataclasses.replace(READY, **more)


def refused(status: str = "disabled", reason: str = "see INC-1", **more: t.Any) -> Route:
    words = f"{status}: {reason}" if reason else status
    return route(**{"routable": False, "status": status, "refusal": words, "share": 0.0, "is_default": False, **more})


def table(*routes: Route) -> Table:
    return Table("staging", routes)
