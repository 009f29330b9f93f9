# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who gets the traffic when a revision's status or weight changes. Pure."""

from __future__ import annotations

import typing as t

from ._errors import RegistryError
from ._request import Request
from ._rows import WHOLE, Row, Write, kept, routable, status, weight


def others(request: Request, mine: Row | None, after: Row, rows: t.Sequence[Row]) -> tuple[list[Write], Row | None]:
    """What else changes when ``mine`` becomes ``after``, and the row whose place it takes."""
    rest = [row for row in rows if row is not mine]
    living = [row for row in rest if routable(row)]
    if not routable(after):
        # In a disabled model the new one is what stays disabled, and what is enabled later.
        waiting = [row for row in rest if status(row) == "disabled"]
        comes = status(after) == "disabled" and (mine is None or status(mine) != "disabled") and not living and not routable(mine)
        return [_step_down(row) for row in waiting if comes], waiting[0] if comes and waiting else None
    comes = not routable(mine) or not kept(mine)
    if weight(after) != WHOLE:
        foreign = [_step_down(row) for row in living if not kept(row)]
        return foreign + _share(request, after, [row for row in living if kept(row)]), living[0] if comes and living else None
    place = living + [row for row in rest if status(row) == "disabled" and comes]
    return [_step_down(row) for row in place], place[0] if comes and place else None


def wanted_weight(request: Request, mine: Row | None, new_status: str) -> int:
    """What it has, unless it comes back from where it had no part in the traffic any more."""
    if request.weight is not None:
        return request.weight
    if mine is None:
        return WHOLE
    had_part = routable(mine) or status(mine) == "disabled"
    return weight(mine) if had_part or new_status not in ("ready", "degraded") else WHOLE


def in_order(writes: t.Sequence[Write]) -> tuple[Write, ...]:
    """The unique index allows one row with the whole traffic at any moment: who ends with it is written last."""
    effective = [write for write in writes if write.counts()]
    return tuple(sorted(effective, key=lambda write: write.after is not None and routable(write.after) and weight(write.after) == WHOLE))


def _step_down(row: Row) -> Write:
    return Write(row, {**row, "deployment_status": "superseded", "deployment_reason": None})


def _share(request: Request, after: Row, living: t.Sequence[Row]) -> list[Write]:
    """Of two the other one has the rest; of more each keeps its own, but for one that had everything."""
    givers = [row for row in living if weight(row) == WHOLE]
    if len(living) == 1 and request.weight is not None:
        givers = list(living)
    if givers:
        return [Write(givers[0], {**givers[0], "deployment_weight": WHOLE - weight(after)})]
    if weight(after) + sum(weight(row) for row in living) == 0:
        raise RegistryError(f"weight 0 would leave {request.subject()} without traffic; disable it, or give another revision a weight first")
    return []
