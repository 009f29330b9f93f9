# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a failed change goes back to. Pure."""

from __future__ import annotations

import typing as t

from ..release import _history
from ..release._history import Revision

Json = t.Mapping[str, t.Any]


def choose(history: t.Sequence[Revision], deployment: Json | None, verified: Json, rows: t.Sequence[Json]) -> Revision | None:
    """The revision of what was deployed and serving right before this run, found by its content and never by a number.

    ``verified`` is what the lease notes as verified last, ``rows`` the model's entries of the registry. None when there is nothing to go back to.
    """
    live = _history.deployed(history)
    if live is not None and (_is_verified(live, verified, rows) or live.replicas == 0):
        return live
    noted = _history.of_content(history, str(verified.get("content") or ""))
    if noted is not None:
        return noted
    registered = _registered(history, rows)
    if registered is not None:
        return registered
    return live if live is not None and serves(deployment) and not verified else None


def _is_verified(live: Revision, verified: Json, rows: t.Sequence[Json]) -> bool:
    if verified:
        return bool(verified.get("content") == live.content)
    return live.bundle in _routed(rows)


def _registered(history: t.Sequence[Revision], rows: t.Sequence[Json]) -> Revision | None:
    """The newest revision with a bundle that the registry routes to: the lease may be lost, or of an older version of the collection."""
    bundles = _routed(rows)
    good = (revision for revision in reversed(history) if revision.status in ("deployed", "superseded"))
    return next((revision for revision in good if revision.bundle in bundles), None)


def _routed(rows: t.Sequence[Json]) -> set[str]:
    """Bundles that routers send to."""
    return {row["deployment_bundle"] for row in rows if row["deployment_status"] in ("ready", "degraded") and row["deployment_bundle"]}


def serves(deployment: Json | None) -> bool:
    """Whether a pod is ready: where none is, stopping the old ones costs nobody anything."""
    return bool(deployment and (deployment.get("status") or {}).get("readyReplicas"))
