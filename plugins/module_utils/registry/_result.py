# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""An outcome in the words of a module's result. Pure."""

from __future__ import annotations

import typing as t

from ._change import Outcome
from ._rows import COUNTED, Row, Write, routable
from ._store import plain


def result(outcome: Outcome) -> dict[str, t.Any]:
    entry = outcome.entry
    answer: dict[str, t.Any] = {
        "changed": outcome.changed,
        "entry": plain(entry) if entry else None,
        "routable": routable(entry),
        "version": entry.get("deployment_version", 0) if entry else 0,
        "superseded": [write.before["deployment_revision"] for write in outcome.plan.writes if _steps_down(write) and write.before],
        "diff": {"before": _side(outcome, "before"), "after": _side(outcome, "after")},
    }
    if outcome.events:
        last = next((event for event in outcome.events if entry and event["deployment_id"] == entry["deployment_id"]), outcome.events[-1])
        answer.update(event_id=last["event_id"], change_id=last["change_id"], committed_at=last["occurred_at"])
        answer["event_ids"] = [event["event_id"] for event in outcome.events]
    return answer


def _steps_down(write: Write) -> bool:
    return write.before is not None and write.after is not None and write.after["deployment_status"] == "superseded" != write.before["deployment_status"]


def _side(outcome: Outcome, side: t.Literal["before", "after"]) -> dict[str, t.Any]:
    """The rows that change, by revision, with the columns that count."""
    rows: list[Row | None] = [getattr(write, side) for write in outcome.plan.writes]
    return {str(row["deployment_revision"]): plain({column: row.get(column) for column in COUNTED}) for row in rows if row}
