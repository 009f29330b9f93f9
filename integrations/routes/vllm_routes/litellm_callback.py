# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A LiteLLM proxy that follows the registry: ``litellm_settings: {callbacks: [vllm_routes.litellm_callback.callback]}``.

Deployments of the proxy's router are added, changed and removed as the registry changes; models of the configuration file are left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import typing as t

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server
from litellm.types.router import Deployment

from ._deployments import REVISION_HEADER, deployments
from ._follow import Follower
from ._settings import settings
from ._table import Refusal, Table

LOG = logging.getLogger("vllm_routes")
ROUTER_SECONDS = 0.05


class RegistryRoutes(CustomLogger):
    """One for each worker of the proxy. All changes of its router are made in the proxy's own event loop, between two requests."""

    def __init__(self) -> None:
        super().__init__()
        # Made while the proxy loads its configuration, in its event loop; before its router is there.
        self._loop = asyncio.get_running_loop()
        self._applied: dict[str, dict[str, t.Any]] = {}
        self._table: Table | None = None
        self.follower = Follower(settings(), self._changed).start()
        self._loop.call_soon(self._take_over)

    async def async_pre_call_hook(self, user_api_key_dict: t.Any, cache: t.Any, data: dict[str, t.Any], call_type: str) -> dict[str, t.Any]:
        """Refuses what the registry refuses; a request for one revision goes to its deployment by id."""
        name = data.get("model")
        if not isinstance(name, str) or not self._take_over():
            return data
        revision = _header(data, REVISION_HEADER)
        found = self.follower.table.find(self._resolved(name), revision)
        if isinstance(found, Refusal):
            if found.status == 404 and not revision and self._known_elsewhere(name):
                return data
            headers = {"Retry-After": str(found.retry_after)} if found.retry_after else {}
            raise HTTPException(found.status, detail=found.body(), headers=headers)
        if found[0].model_name != self._resolved(name) or revision:
            data["model"] = found[0].route_id
        return data

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, t.Any],
        user_api_key_dict: t.Any,
        response: t.Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, t.Any] | None = None,
    ) -> dict[str, str] | None:
        route = self.follower.table.by_id.get(str((litellm_call_info or {}).get("model_id") or ""))
        return {REVISION_HEADER: route.revision} if route else None

    def _changed(self, _table: Table) -> None:
        """In the follower's thread."""
        with contextlib.suppress(RuntimeError):  # the proxy is ending
            self._loop.call_soon_threadsafe(self._take_over)

    def _take_over(self) -> bool:
        """Bring the router to the follower's table; false while the proxy has no router yet."""
        router, table = proxy_server.llm_router, self.follower.table
        if router is None:
            self._loop.call_later(ROUTER_SECONDS, self._take_over)
            return False
        if table is self._table:
            return True
        wanted = {one["model_info"]["id"]: one for one in deployments(table)}
        for route_id in self._applied.keys() - wanted.keys():
            router.delete_deployment(route_id)
        for route_id, deployment in wanted.items():
            if self._applied.get(route_id) != deployment:
                router.upsert_deployment(Deployment(**deployment))
        # Deleting leaves the name behind, which /v1/models would go on listing.
        router.model_names = {one["model_name"] for one in router.model_list}
        proxy_server.llm_model_list = router.get_model_list()
        self._applied, self._table = wanted, table
        return True

    def _resolved(self, name: str) -> str:
        """What the proxy's own ``model_group_alias`` makes of a name."""
        router = proxy_server.llm_router
        alias = (router.model_group_alias or {}).get(name) if router else None
        return str(alias["model"] if isinstance(alias, dict) else alias or name)

    def _known_elsewhere(self, name: str) -> bool:
        """The configuration file has it, by name or by wildcard."""
        router = proxy_server.llm_router
        return bool(router and (router.is_recognized_model(name) or router.pattern_router.route(name)))


def _header(data: dict[str, t.Any], name: str) -> str:
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")


callback = RegistryRoutes()
