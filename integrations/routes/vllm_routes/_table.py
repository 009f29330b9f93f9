# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes of one environment as they were read at one moment, and where a request goes by them. Pure."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

#: Seconds after which asking again makes sense: a model that is being deployed comes by itself, a disabled one when a person says so.
RETRY_SECONDS = {"pending": 15, "deploying": 15}
RETRY_LATER_SECONDS = 60
#: Of several revisions that take no request, the one whose state says most about what happens next.
TELLING = ("deploying", "pending", "disabled", "failed")


@dataclasses.dataclass(frozen=True)
class Route:
    """One row of ``model_routes``. ``share`` is 0 to 1; prices are of one token; ``refusal`` is empty while ``routable``."""

    route_id: str
    organization_id: str | None
    model_name: str
    revision: str
    routable: bool
    status: str
    refusal: str
    url: str
    share: float
    is_default: bool
    display_name: str
    input_cost_per_token: float
    output_cost_per_token: float
    bundle: str
    version: int

    @property
    def name(self) -> str:
        """The model's name with the revision, as a request may give it."""
        return f"{self.model_name}@{self.revision}"


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a request goes nowhere: an HTTP status, a sentence, and seconds after which to ask again (0: asking again is no use)."""

    status: int
    message: str
    retry_after: int = 0

    @property
    def code(self) -> str:
        return "model_not_found" if self.status == 404 else "model_not_available"

    def body(self) -> dict[str, t.Any]:
        """As an OpenAI server would say it."""
        kind = "invalid_request_error" if self.status == 404 else "service_unavailable_error"
        return {"error": {"message": self.message, "type": kind, "param": "model", "code": self.code}}


@dataclasses.dataclass(frozen=True)
class Table:
    """``environment`` names what the routes are of, for sentences."""

    environment: str
    routes: tuple[Route, ...] = ()

    @functools.cached_property
    def models(self) -> dict[str, tuple[Route, ...]]:
        """Model to its routes. An organization's own entries stand in place of those for all: shares add up within one organization."""
        found: dict[str, dict[str, list[Route]]] = {}
        for route in self.routes:
            found.setdefault(route.model_name, {}).setdefault(route.organization_id or "", []).append(route)
        return {model: tuple(scopes[max(scopes)]) for model, scopes in found.items()}

    @functools.cached_property
    def by_id(self) -> dict[str, Route]:
        return {route.route_id: route for routes in self.models.values() for route in routes}

    def find(self, name: str, revision: str = "") -> tuple[Route, ...] | Refusal:
        """The routes among which a request for ``name`` is shared: one when a revision is asked for, by ``revision`` or as ``model@revision``."""
        model, _at, named = (name, "", "") if name in self.models else name.rpartition("@")
        wanted = revision or named
        routes = self.models.get(model)
        if routes is None:
            return Refusal(404, f"The model `{name}` does not exist in {self.environment}.")
        return self._of_revision(model, wanted, routes) if wanted else self._of_model(model, routes)

    def _of_revision(self, model: str, revision: str, routes: tuple[Route, ...]) -> tuple[Route, ...] | Refusal:
        route = next((one for one in routes if one.revision == revision), None)
        if route is None:
            known = ", ".join(sorted(one.revision for one in routes if one.routable)) or "none that takes requests"
            return Refusal(404, f"The model `{model}` has no revision `{revision}` in {self.environment}; it has {known}.")
        return (route,) if route.routable else _refused(route, f"The revision `{revision}` of the model `{model}`", self.environment)

    def _of_model(self, model: str, routes: tuple[Route, ...]) -> tuple[Route, ...] | Refusal:
        chosen = tuple(one for one in routes if one.routable and one.share > 0)
        if chosen:
            return chosen
        warm = [one.revision for one in routes if one.routable]
        if warm:
            words = f"The model `{model}` takes requests in {self.environment} only by revision: {', '.join(sorted(warm))}."
            return Refusal(503, words, RETRY_LATER_SECONDS)
        telling = min(routes, key=lambda one: TELLING.index(one.status) if one.status in TELLING else len(TELLING))
        return _refused(telling, f"The model `{model}`", self.environment)


def _refused(route: Route, subject: str, environment: str) -> Refusal:
    return Refusal(503, f"{subject} takes no requests in {environment} ({route.refusal or route.status}).", retry_after(route.status))


def retry_after(status: str) -> int:
    return RETRY_SECONDS.get(status, RETRY_LATER_SECONDS)
