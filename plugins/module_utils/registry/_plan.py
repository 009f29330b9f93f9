# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which rows a request changes, and to what: decided here, written elsewhere. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from ._errors import RegistryError
from ._request import Request
from ._status import ROUTABLE, check_change

Row = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Write:
    """One row before and after; no before: insert, no after: delete."""

    before: Row | None
    after: Row | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """``writes`` in the order that the unique indexes allow: who steps down goes first. ``subject`` is the row that was asked for."""

    writes: tuple[Write, ...] = ()
    subject: Row | None = None
    replaces: Row | None = None
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.writes)


def plan(request: Request, rows: t.Sequence[Row]) -> Plan:
    """``rows`` are all rows of the model, environment and organisation."""
    decide = {"present": _present, "absent": _absent, "enabled": _enabled, "disabled": _disabled}
    return decide[request.state](request, rows)


def _present(request: Request, rows: t.Sequence[Row]) -> Plan:
    mine = _find(request, rows)
    _check_version(request, mine)
    status, reason, notes = _wanted_status(request, mine, rows)
    after = dict(mine or dict.fromkeys(COUNTED), model_name=request.model, deployment_environment=request.environment)
    after.update(request.columns, deployment_revision=request.revision, deployment_status=status, deployment_reason=reason)
    if not after.get("deployment_endpoint"):
        raise InputError(f"{request.subject()} needs endpoint: revision {request.revision} is not registered yet")
    after["deployment_weight"] = _wanted_weight(request, mine, status)
    check_change(f"revision {request.revision} of {request.subject()}", str((mine or {}).get("deployment_status") or ""), status)
    return _with_others(request, mine, after, rows, notes)


def _enabled(request: Request, rows: t.Sequence[Row]) -> Plan:
    disabled = [row for row in rows if row["deployment_status"] == "disabled"]
    if not request.revision and len(disabled) > 1 and all(row["deployment_weight"] is not None for row in disabled):
        # They shared the traffic when the model was disabled, and do so again.
        writes = [Write(row, _routable_again(row)) for row in disabled]
        return Plan(tuple(writes), writes[-1].after)
    mine = _named(request, rows) if request.revision else _only_one(request, rows, disabled)
    _check_version(request, mine)
    check_change(f"revision {mine['deployment_revision']} of {request.subject()}", mine["deployment_status"], _routable_again(mine)["deployment_status"])
    after = dict(_routable_again(mine))
    if request.weight is not None or mine["deployment_status"] == "superseded":
        after["deployment_weight"] = request.weight
    return _with_others(request, mine, after, rows, [])


def _routable_again(row: Row) -> Row:
    return row if row["deployment_status"] in ROUTABLE else {**row, "deployment_status": "ready", "deployment_reason": None}


def _disabled(request: Request, rows: t.Sequence[Row]) -> Plan:
    if request.revision:
        chosen = [_named(request, rows)]
    else:
        chosen = [row for row in rows if row["deployment_status"] in ROUTABLE] or [row for row in rows if row["deployment_status"] == "disabled"]
        chosen = chosen or [row for row in rows if row["deployment_status"] not in (None, "superseded")][-1:]
    if not chosen:
        raise RegistryError(f"{request.subject()} is not registered, so there is nothing to disable")
    writes = []
    for row in chosen:
        _check_version(request, row)
        check_change(f"revision {row['deployment_revision']} of {request.subject()}", row["deployment_status"], "disabled")
        reason = request.reason if request.reason is not None or row["deployment_status"] != "disabled" else row["deployment_reason"]
        writes.append(Write(row, {**row, "deployment_status": "disabled", "deployment_reason": reason}))
    return Plan(_effective(writes), writes[-1].after)


def _absent(request: Request, rows: t.Sequence[Row]) -> Plan:
    chosen = [row for row in rows if row["deployment_id"] and (request.revision is None or row["deployment_revision"] == request.revision)]
    for row in chosen:
        _check_version(request, row)
    return Plan(tuple(Write(row, None) for row in chosen), None)


def _with_others(request: Request, mine: Row | None, after: Row, rows: t.Sequence[Row], notes: list[str]) -> Plan:
    others = [row for row in rows if row is not mine]
    routable = [row for row in others if row["deployment_status"] in ROUTABLE]
    current = routable + [row for row in others if row["deployment_status"] == "disabled"]
    writes: list[Write] = []
    if after["deployment_status"] in ROUTABLE and after["deployment_weight"] is not None:
        writes = _share(request, after, routable)
    elif _takes_over(mine, after):
        writes = [Write(row, {**row, "deployment_status": "superseded"}) for row in current]
    replaced = current[0] if current and _takes_over(mine, after) else None
    subject = Write(mine, after)
    if mine is not None and _same(mine, after):
        return Plan(_effective(writes), mine, replaced, tuple(notes))
    after.update(request.accompanying)
    # A revision that gives up the whole traffic does so before another takes a share of it, and the other way round.
    return Plan((*_effective(writes), subject), after, replaced, tuple(notes))


def _takes_over(mine: Row | None, after: Row) -> bool:
    """It comes into the model's place: routable, or disabled in a disabled model, and was not before."""
    if mine is None or not mine["deployment_id"]:
        return after["deployment_status"] in (*ROUTABLE, "disabled")
    old, new = mine["deployment_status"], after["deployment_status"]
    return (new in ROUTABLE and old not in ROUTABLE) or (new == "disabled" and old not in (*ROUTABLE, "disabled"))


def _share(request: Request, after: Row, routable: t.Sequence[Row]) -> list[Write]:
    """Two revisions make up 100 percent together; among more, each must have its own weight."""
    weight = t.cast(int, after["deployment_weight"])
    if len(routable) == 1:
        return [Write(routable[0], {**routable[0], "deployment_weight": 100 - weight})]
    whole = [row["deployment_revision"] for row in routable if row["deployment_weight"] is None]
    if whole:
        raise RegistryError(f"{request.subject()} has revision {whole[0]} with the whole traffic beside others; set its weight first")
    if weight + sum(row["deployment_weight"] for row in routable) == 0:
        raise RegistryError(f"weight 0 would leave {request.subject()} without traffic; disable it instead, or give another revision a weight first")
    return []


def _wanted_status(request: Request, mine: Row | None, rows: t.Sequence[Row]) -> tuple[str, str | None, list[str]]:
    """A disabled model stays disabled, whatever is registered: only state enabled ends that."""
    holding = _holding(mine, rows)
    if holding is not None and (request.status in ROUTABLE or (holding is mine and request.status != "superseded")):
        reason = request.reason or holding["deployment_reason"]
        why = f" ({reason})" if reason else ""
        return "disabled", reason, [f"{request.subject()} stays disabled{why}; state enabled ends that"]
    if request.status in ("ready", "superseded"):
        return request.status, None, []
    kept = mine["deployment_reason"] if mine and mine["deployment_status"] == request.status else None
    return request.status, request.reason or kept, []


def _holding(mine: Row | None, rows: t.Sequence[Row]) -> Row | None:
    """The disabled row that keeps the revision, or the whole model, from being routable."""
    if mine is not None and mine["deployment_status"] == "disabled":
        return mine
    if any(row["deployment_status"] in ROUTABLE for row in rows):
        return None
    return next((row for row in reversed(rows) if row["deployment_status"] == "disabled"), None)


def _wanted_weight(request: Request, mine: Row | None, status: str) -> int | None:
    if request.weight is not None:
        return request.weight
    return mine["deployment_weight"] if mine and (mine["deployment_status"] in ROUTABLE or status not in ROUTABLE) else None


def _find(request: Request, rows: t.Sequence[Row]) -> Row | None:
    """The revision's row; else one that the platform wrote without a revision, which the registration takes over."""
    for row in rows:
        if row["deployment_revision"] == request.revision:
            return row
    unnamed = [row for row in rows if not row["deployment_revision"]]
    unnamed.sort(key=lambda row: row["deployment_status"] not in ROUTABLE)
    return unnamed[0] if unnamed else None


def _named(request: Request, rows: t.Sequence[Row]) -> Row:
    for row in rows:
        if row["deployment_revision"] == request.revision:
            return row
    known = ", ".join(f"{row['deployment_revision']} ({row['deployment_status']})" for row in rows) or "none"
    raise RegistryError(f"{request.subject()} has no revision {request.revision}; registered: {known}")


def _only_one(request: Request, rows: t.Sequence[Row], disabled: t.Sequence[Row]) -> Row:
    candidates = disabled or [row for row in rows if row["deployment_status"] in ROUTABLE]
    if not candidates or len(disabled) > 1:
        known = ", ".join(f"{row['deployment_revision']} ({row['deployment_status']})" for row in rows) or "none"
        raise RegistryError(f"say by revision which one of {request.subject()} to enable; registered: {known}")
    return candidates[0]


def _check_version(request: Request, row: Row | None) -> None:
    if request.expected_version is None:
        return
    version = row["deployment_version"] if row else 0
    if version != request.expected_version:
        revision = row["deployment_revision"] if row else request.revision
        raise RegistryError(
            f"{request.subject()}, revision {revision}, is at version {version}, not {request.expected_version}: "
            "somebody changed it since; look at its events and decide again"
        )


COUNTED = (
    "display_name",
    "input_cost_per_token",
    "output_cost_per_token",
    "deployment_endpoint",
    "deployment_status",
    "deployment_namespace",
    "deployment_revision",
    "deployment_bundle",
    "deployment_release",
    "deployment_weight",
    "deployment_reason",
)


def _same(before: Row, after: Row) -> bool:
    return bool(before["deployment_id"]) and all(before.get(column) == after.get(column) for column in COUNTED)


def _effective(writes: t.Sequence[Write]) -> tuple[Write, ...]:
    return tuple(write for write in writes if write.before is None or write.after is None or any(write.before.get(c) != write.after.get(c) for c in COUNTED))
