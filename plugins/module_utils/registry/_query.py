# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What vllm_registry_info reads: filters become parameters, order and page are part of the statement."""

from __future__ import annotations

import typing as t

from .._deadline import Deadline
from ._request import ENVIRONMENTS
from ._session import opened
from ._status import STATUSES
from ._store import decoded
from ._target import Target

#: Option to the condition it adds.
_ENTRY_FILTERS = {
    "model": "e.model_name = ANY(%s::text[])",
    "environment": "e.deployment_environment = ANY(%s::text[])",
    "status": "e.deployment_status = ANY(%s::text[])",
    "revision": "e.deployment_revision = ANY(%s::text[])",
    "organization": "e.organization_id::text = ANY(%s::text[])",
}

_ENTRIES = (
    "SELECT model_registry_entry(e)::text FROM model_registry_entries e WHERE e.deployment_id IS NOT NULL AND @ "
    "ORDER BY e.model_name, e.deployment_environment, e.organization_id::text NULLS FIRST, e.deployment_updated_at DESC, e.deployment_id LIMIT %s OFFSET %s"
)


def query_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry_info beside those of the connection."""
    strings: dict[str, t.Any] = {"type": "list", "elements": "str"}
    return {
        "model": strings,
        "environment": {**strings, "choices": list(ENVIRONMENTS)},
        "status": {**strings, "choices": list(STATUSES)},
        "revision": strings,
        "organization": strings,
        "limit": {"type": "int", "default": 1000},
        "offset": {"type": "int", "default": 0},
    }


def entries(target: Target, filters: t.Mapping[str, t.Sequence[str] | None], *, limit: int, offset: int) -> list[dict[str, t.Any]]:
    """Entries of the registry (rows that are the platform's own are not), by model, environment and newest first."""
    chosen = {name: list(values) for name, values in filters.items() if values}
    conditions = " AND ".join(_ENTRY_FILTERS[name] for name in chosen) or "true"
    with opened(target, Deadline(target.timeout)) as session:
        session.begin()
        found = session.query(_ENTRIES.replace("@", conditions), [*chosen.values(), limit, offset], what="reading the registry")
        session.rollback()
    return [decoded(text) for (text,) in found]
