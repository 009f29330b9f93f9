# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A health check of all entries that routers send to: probes, decides, and writes what was found."""

from __future__ import annotations

import dataclasses
import typing as t

from .._deadline import Deadline
from .._errors import Error, InputError
from . import _probe
from ._change import change
from ._database import Database
from ._health_policy import HealthPolicy, HealthStep, decide
from ._query import read
from ._request import ENVIRONMENTS, request
from ._session import opened

Params = t.Mapping[str, t.Any]

#: Only while the entry is as it was when it was probed: a revision that has come meanwhile was not.
_NOTE = (
    "UPDATE model_registry_entries e SET last_health_check_at = clock_timestamp(), deployment_health_failures = f.failures "
    "FROM unnest(%s::uuid[], %s::bigint[], %s::integer[]) AS f (id, version, failures) WHERE e.deployment_id = f.id AND e.deployment_version = f.version"
)


def health_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry_health beside those of the registry, the cluster and the probes."""
    strings: dict[str, t.Any] = {"type": "list", "elements": "str"}
    return {
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "model": strings,
        "degrade_after": {"type": "int", "default": 3},
        "fail_after": {"type": "int", "default": 0},
        "force": {"type": "bool", "default": False},
        "actor": {"type": "str"},
        "correlation_id": {"type": "str"},
        "fail_on": {**strings, "choices": ["fail", "inconclusive"], "default": ["inconclusive"]},
    }


@dataclasses.dataclass(frozen=True)
class Checked:
    """A step and what became of it; ``error`` is why its status was not changed."""

    step: HealthStep
    status: str
    error: str = ""
    error_code: str = ""


def check(database: Database, params: Params, *, check_mode: bool = False) -> list[Checked]:
    """Raises InputError for options that cannot be right; an entry that cannot be probed is inconclusive, and nothing of it is written."""
    _refuse(params)
    filters = {"environment": [params["environment"]], "model": params["model"], "status": ["ready", "degraded"]}
    entries = read(database, {"what": "entries", **filters, "limit": 100_000, "offset": 0})
    probes = _probe.probe_all([_probe.of_entry(entry) for entry in entries], params)
    policy = HealthPolicy(params["degrade_after"], params["fail_after"], params["force"])
    steps = decide(list(zip(entries, probes, strict=True)), policy)
    if not check_mode:
        _note(database, steps)
    return [_change(database, params, step, check_mode) for step in steps]


def _refuse(params: Params) -> None:
    if params["degrade_after"] < 1 or params["attempts"] < 1:
        raise InputError("degrade_after and attempts must be at least 1")
    if params["fail_after"] and params["fail_after"] <= params["degrade_after"]:
        raise InputError(f"fail_after {params['fail_after']} must be above degrade_after {params['degrade_after']}, or 0 for never")


def _note(database: Database, steps: t.Sequence[HealthStep]) -> None:
    found = [step for step in steps if step.failures is not None]
    if not found:
        return
    columns = [[step.entry[name] for step in found] for name in ("deployment_id", "deployment_version")]
    with opened(database, Deadline(database.timeout)) as session:
        session.begin()
        session.query(_NOTE, [*columns, [step.failures for step in found]], what="writing what the health check found")
        session.commit()


def _change(database: Database, params: Params, step: HealthStep, check_mode: bool) -> Checked:
    """The status by the same way as everybody's: its lock, its legal changes, its event."""
    before = step.entry["deployment_status"]
    if not step.becomes:
        return Checked(step, before)
    asked = {
        "state": "present",
        "model": step.entry["model_name"],
        "environment": step.entry["deployment_environment"],
        "organization": step.entry["organization_id"],
        "revision": step.entry["deployment_revision"],
        "status": step.becomes,
        "reason": step.reason,
        "degraded_by": "health_check",
        "expected_version": step.entry["deployment_version"],
        "actor": params["actor"],
        "correlation_id": params["correlation_id"],
    }
    try:
        change(database, request(asked), check_mode=check_mode)
    except Error as error:
        return Checked(step, before, str(error), error.code)
    return Checked(step, step.becomes)


def result(checked: t.Sequence[Checked], fail_on: t.Collection[str]) -> dict[str, t.Any]:
    """The module's result. ``changed`` is about statuses: that a check took place is no change."""
    entries = [_entry(one) for one in checked]
    counts = {verdict: sum(1 for one in entries if one["verdict"] == verdict) for verdict in ("pass", "fail", "inconclusive")}
    errors = [one.error for one in checked if one.error]
    bad = [verdict for verdict in fail_on if counts[verdict]]
    moved = [f"{one['model']} {one['revision']} is {one['status']} now" for one in entries if one["status"] != one["previous_status"]]
    said = [f"{counts['pass']} of {len(entries)} answer", *(f"{counts[name]} {name}" for name in ("fail", "inconclusive") if counts[name]), *moved, *errors]
    answer = {"changed": bool(moved), "entries": entries, "counts": counts, "notes": [one.step.note for one in checked if one.step.note]}
    told = [f"{one['model']}: {one['message']}" for one in entries if one["verdict"] in bad]
    return {**answer, "msg": "; ".join([*said, *told]), "failed": bool(bad or errors)}


def _entry(checked: Checked) -> dict[str, t.Any]:
    entry, probed = checked.step.entry, checked.step.probed
    return {
        "model": entry["model_name"],
        "environment": entry["deployment_environment"],
        "organization": entry["organization_id"],
        "revision": entry["deployment_revision"],
        "endpoint": entry["deployment_endpoint"],
        "verdict": probed.verdict,
        "message": probed.message,
        "code": checked.error_code or probed.code,
        "failures": checked.step.failures,
        "previous_status": entry["deployment_status"],
        "status": checked.status,
    }
