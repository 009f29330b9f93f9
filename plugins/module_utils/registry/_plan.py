# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which rows a request changes, and to what, and who gets the traffic then: decided here, written elsewhere. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from ._errors import RegistryError
from ._request import EntryRequest
from ._row import COUNTED, WHOLE, Row, Write, listed, managed, routable, status, weight
from ._status import ROUTABLE, check_change


@dataclasses.dataclass(frozen=True)
class EntryPlan:
    """``writes`` in the order that the unique indexes allow. ``subject`` is the row that was asked for, ``replaces`` whose place it takes."""

    writes: tuple[Write, ...] = ()
    subject: Row | None = None
    replaces: Row | None = None
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.writes)


def plan(request: EntryRequest, rows: t.Sequence[Row]) -> EntryPlan:
    """``rows`` are all rows of the model, environment and organization."""
    decide = {"present": _present, "absent": _absent, "enabled": _enabled, "disabled": _disabled}
    return decide[request.state](request, rows)


def _present(request: EntryRequest, rows: t.Sequence[Row]) -> EntryPlan:
    mine = _find(request, rows)
    _check_version(request, mine)
    new, reason, notes = _wanted_status(request, mine, rows)
    after = dict(mine or dict.fromkeys(COUNTED), model_name=request.model, deployment_environment=request.environment)
    after.update(request.columns, deployment_revision=request.revision, deployment_status=new, deployment_reason=reason)
    after["deployment_degraded_by"] = _degraded_by(request, mine, new)
    if not after["deployment_endpoint"]:
        raise InputError(f"{request.subject()} needs endpoint: revision {request.revision} is not registered yet")
    after["deployment_weight"] = _wanted_weight(request, mine, new)
    check_change(_named_subject(request, after), status(mine), new)
    return _changed_to(request, mine, after, rows, notes)


def _enabled(request: EntryRequest, rows: t.Sequence[Row]) -> EntryPlan:
    disabled = [row for row in rows if status(row) == "disabled"]
    if not request.revision and request.weight is None and len(disabled) > 1 and all(weight(row) != WHOLE for row in disabled):
        # They shared the traffic when the model was disabled, and do so again.
        writes = tuple(Write(row, _routable_again(row)) for row in disabled)
        return EntryPlan(writes, writes[-1].after)
    mine = _named(request, rows) if request.revision else _only_one(request, rows, disabled)
    _check_version(request, mine)
    after = _routable_again(mine)
    check_change(_named_subject(request, mine), status(mine), status(after))
    after["deployment_weight"] = _wanted_weight(request, mine, status(after))
    return _changed_to(request, mine, after, rows, [])


def _disabled(request: EntryRequest, rows: t.Sequence[Row]) -> EntryPlan:
    if request.revision:
        chosen = [_named(request, rows)]
    else:
        candidates = [row for row in rows if status(row) not in ("", "superseded")]
        disabled = [row for row in rows if status(row) == "disabled"]
        # Asked again, what the first time took out of the routing is known by its reason; others keep theirs.
        same = [row for row in disabled if request.reason in (None, row["deployment_reason"])]
        chosen = [row for row in rows if routable(row)] or same or disabled or candidates[-1:]
    if not chosen:
        raise RegistryError(f"{request.subject()} is not registered, so there is nothing to disable", code="not_registered")
    writes = []
    for row in chosen:
        _check_version(request, row)
        check_change(_named_subject(request, row), status(row), "disabled")
        unsaid = request.reason is None and status(row) == "disabled"
        reason = row["deployment_reason"] if unsaid else request.reason
        writes.append(Write(row, {**row, "deployment_status": "disabled", "deployment_reason": reason, "deployment_degraded_by": None}))
    return EntryPlan(_in_order(writes), writes[-1].after)


def _absent(request: EntryRequest, rows: t.Sequence[Row]) -> EntryPlan:
    chosen = [row for row in rows if managed(row) and request.revision in (None, row["deployment_revision"])]
    for row in chosen:
        _check_version(request, row)
    return EntryPlan(tuple(Write(row, None) for row in chosen))


def _changed_to(request: EntryRequest, mine: Row | None, after: Row, rows: t.Sequence[Row], notes: list[str]) -> EntryPlan:
    writes, replaces = displaced(request, mine, after, rows)
    unchanged = managed(mine) and not Write(mine, after).counts()
    if not unchanged:
        after.update(request.accompanying)
        writes.append(Write(mine, after))
    return EntryPlan(_in_order(writes), mine if unchanged else after, replaces, tuple(notes))


def _routable_again(row: Row) -> Row:
    return dict(row) if routable(row) else {**row, "deployment_status": "ready", "deployment_reason": None}


def _wanted_status(request: EntryRequest, mine: Row | None, rows: t.Sequence[Row]) -> tuple[str, str | None, list[str]]:
    """A disabled model stays disabled, whatever is registered: only state enabled ends that."""
    holding = _holding(mine, rows)
    if holding is not None and (request.status in ROUTABLE or (holding is mine and request.status != "superseded")):
        reason = request.reason if request.status == "disabled" and request.reason else holding["deployment_reason"]
        why = f" ({reason})" if reason else ""
        notes = [f"{request.subject()} stays disabled{why}; state enabled ends that"] if request.status != "disabled" else []
        return "disabled", reason, notes
    if request.status in ("ready", "superseded"):
        return request.status, None, []
    before = mine["deployment_reason"] if mine and status(mine) == request.status else None
    if request.degraded_by and status(mine) == request.status:
        return request.status, before, []
    return request.status, request.reason or before, []


def _degraded_by(request: EntryRequest, mine: Row | None, new: str) -> str | None:
    """A check that finds an entry degraded leaves it, and its reason, to whoever did it; a person who says it takes it over."""
    if new != "degraded":
        return None
    if request.degraded_by and mine is not None and status(mine) == "degraded":
        return t.cast("str | None", mine["deployment_degraded_by"])
    return request.degraded_by


def _holding(mine: Row | None, rows: t.Sequence[Row]) -> Row | None:
    """The disabled row that keeps the revision, or the whole model, from being routable."""
    if status(mine) == "disabled":
        return mine
    if any(routable(row) for row in rows):
        return None
    return next((row for row in reversed(rows) if status(row) == "disabled"), None)


def _find(request: EntryRequest, rows: t.Sequence[Row]) -> Row | None:
    """The revision's row; else one that the platform wrote without a revision, which the registration takes over."""
    for row in rows:
        if row["deployment_revision"] == request.revision:
            return row
    unnamed = sorted((row for row in rows if not managed(row) and not row["deployment_revision"]), key=lambda row: not routable(row))
    return unnamed[0] if unnamed else None


def _named(request: EntryRequest, rows: t.Sequence[Row]) -> Row:
    for row in rows:
        if row["deployment_revision"] == request.revision:
            return row
    raise RegistryError(f"{request.subject()} has no revision {request.revision}; registered: {listed(rows)}", code="not_registered")


def _only_one(request: EntryRequest, rows: t.Sequence[Row], disabled: t.Sequence[Row]) -> Row:
    living = [row for row in rows if routable(row)]
    candidates = disabled or living
    # A weight is some revision's share: with a second one about, the same words would mean another one the next time.
    ambiguous = len(disabled) > 1 or (request.weight is not None and len(disabled) + len(living) > 1)
    if not candidates or ambiguous:
        raise RegistryError(f"name the revision of {request.subject()} to enable (option revision); registered: {listed(rows)}", code="ambiguous_revision")
    return candidates[0]


def _check_version(request: EntryRequest, row: Row | None) -> None:
    expected, found = request.expected_version, row["deployment_version"] if row else 0
    if expected is not None and found != expected:
        revision = row["deployment_revision"] if row else request.revision
        raise RegistryError(
            f"revision {revision} of {request.subject()} is at version {found}, not {expected}: somebody changed it since; look at its events and decide again",
            code="version_conflict",
        )


def _named_subject(request: EntryRequest, row: Row) -> str:
    return f"revision {row['deployment_revision']} of {request.subject()}"


def displaced(request: EntryRequest, mine: Row | None, after: Row, rows: t.Sequence[Row]) -> tuple[list[Write], Row | None]:
    """What else changes when ``mine`` becomes ``after``, and the row whose place it takes."""
    rest = [row for row in rows if row is not mine]
    living = [row for row in rest if routable(row)]
    if not routable(after):
        # In a disabled model the new one is what stays disabled, and what is enabled later.
        waiting = [row for row in rest if status(row) == "disabled"]
        comes = status(after) == "disabled" and (mine is None or status(mine) != "disabled") and not living and not routable(mine)
        return [_step_down(row) for row in waiting if comes], waiting[0] if comes and waiting else None
    comes = not routable(mine) or not managed(mine)
    if weight(after) != WHOLE:
        foreign = [_step_down(row) for row in living if not managed(row)]
        return foreign + _share(request, after, [row for row in living if managed(row)]), living[0] if comes and living else None
    place = living + [row for row in rest if status(row) == "disabled" and comes]
    return [_step_down(row) for row in place], place[0] if comes and place else None


def _wanted_weight(request: EntryRequest, mine: Row | None, new_status: str) -> int:
    """What it has, unless it comes back from where it had no part in the traffic any more."""
    if request.weight is not None:
        return request.weight
    if mine is None:
        return WHOLE
    had_part = routable(mine) or status(mine) == "disabled"
    return weight(mine) if had_part or new_status not in ("ready", "degraded") else WHOLE


def _in_order(writes: t.Sequence[Write]) -> tuple[Write, ...]:
    """The unique index allows one row with the whole traffic at any moment: who ends with it is written last."""
    effective = [write for write in writes if write.counts()]
    return tuple(sorted(effective, key=lambda write: write.after is not None and routable(write.after) and weight(write.after) == WHOLE))


def _step_down(row: Row) -> Write:
    return Write(row, {**row, "deployment_status": "superseded", "deployment_reason": None, "deployment_degraded_by": None})


def _share(request: EntryRequest, after: Row, living: t.Sequence[Row]) -> list[Write]:
    """Of two the other one has the rest; of more each keeps its own, but for one that had everything."""
    givers = [row for row in living if weight(row) == WHOLE]
    if len(living) == 1 and request.weight is not None:
        givers = list(living)
    if givers:
        return [Write(givers[0], {**givers[0], "deployment_weight": WHOLE - weight(after)})]
    if weight(after) + sum(weight(row) for row in living) == 0:
        raise RegistryError(f"weight 0 would leave {request.subject()} without traffic; disable it, or give another revision a weight first", code="no_traffic")
    return []
