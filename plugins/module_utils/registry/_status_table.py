# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The registry as a table that a person reads in a terminal. Pure, but for the one statement that reads it."""

from __future__ import annotations

import typing as t

from .._deadline import Deadline
from ._database import Database
from ._session import opened
from ._sql import decoded

COLUMNS = ("MODEL", "ENVIRONMENT", "REVISION", "STATUS", "WEIGHT", "ENDPOINT", "AGE", "CHECKED", "LAST EVENT")

#: Ages by the database's clock: this machine's may be wrong.
_READ = """
SELECT (model_registry_entry(e) || jsonb_build_object(
    'age', extract(epoch FROM now() - e.deployment_updated_at), 'checked', extract(epoch FROM now() - e.last_health_check_at),
    'event', (
        SELECT jsonb_build_object('action', v.action, 'actor', coalesce(v.actor, v.database_user), 'age', extract(epoch FROM now() - v.occurred_at),
            'reason', v.reason)
        FROM model_deployment_events v
        WHERE v.model_name = e.model_name AND v.deployment_environment = e.deployment_environment AND v.deployment_id = e.deployment_id
        ORDER BY v.event_id DESC LIMIT 1)))::text
FROM model_registry_entries e
WHERE e.deployment_id IS NOT NULL AND (%s OR e.deployment_status <> 'superseded')
    AND (%s::text[] IS NULL OR e.deployment_environment = ANY(%s::text[])) AND (%s::text[] IS NULL OR e.model_name = ANY(%s::text[]))
    AND (%s::text[] IS NULL OR e.organization_id::text = ANY(%s::text[]))
ORDER BY e.model_name, array_position(ARRAY['development', 'staging', 'production'], e.deployment_environment::text),
    e.organization_id::text NULLS FIRST, e.deployment_status <> 'ready', e.deployment_updated_at DESC
"""


def read(database: Database, params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    environments, models, organizations = (params[name] or None for name in ("environment", "model", "organization"))
    # Each filter stands twice in the statement: whether it was given, and its values.
    filters = [environments, environments, models, models, organizations, organizations]
    with opened(database, Deadline(database.timeout)) as session:
        session.begin()
        found = session.query(_READ, [params["superseded"], *filters], what="reading the registry")
        session.rollback()
    return [decoded(text) for (text,) in found]


def table(entries: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """Columns as wide as their widest cell; nothing is cut, so that it can be searched."""
    if not entries:
        return "the registry has no such entry"
    organizations = any(entry["organization_id"] for entry in entries)
    heads = ["ORGANIZATION", *COLUMNS] if organizations else list(COLUMNS)
    lines = [heads, *([str(entry["organization_id"] or "-"), *_cells(entry)] if organizations else _cells(entry) for entry in entries)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cells(entry: t.Mapping[str, t.Any]) -> list[str]:
    status, reason = entry["deployment_status"], entry["deployment_reason"]
    event, failures = entry["event"], entry["deployment_health_failures"]
    checked = "never" if entry["checked"] is None else f"{age(entry['checked'])} ago"
    return [
        entry["model_name"],
        entry["deployment_environment"],
        entry["deployment_revision"],
        f"{status} ({_plain(reason)})" if reason else status,
        f"{entry['deployment_weight']} %",
        entry["deployment_endpoint"],
        age(entry["age"]),
        f"{checked}, failed {failures}x" if failures else checked,
        f"{event['action']} by {_plain(event['actor'])} {age(event['age'])} ago" if event else "none",
    ]


def age(seconds: t.Any) -> str:
    """In its two largest units: 45s, 12m, 3h5m, 8d4h."""
    if seconds is None:
        return "?"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours == 0:
        return f"{minutes}m"
    if days == 0:
        return f"{hours}h{minutes % 60}m"
    return f"{days}d{hours % 24}h"


def _plain(text: str) -> str:
    """What others wrote must not move the terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
