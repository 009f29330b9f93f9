# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What vllm_registry_info reads: filters become parameters, order and page are part of the statement."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .._deadline import Deadline
from .._errors import InputError
from ._database import Database
from ._request import ENVIRONMENTS
from ._session import opened
from ._sql import decoded
from ._status import STATUSES


@dataclasses.dataclass(frozen=True)
class _Kind:
    """One kind of rows: where it is read, the names of its columns, its order. ``{at}`` is a moment that is asked for."""

    source: str
    order: str
    prefix: str = ""
    row: str = "to_jsonb(e)"
    time: str = ""
    always: str = "true"


_PLACE = "e.model_name, e.@environment, e.organization_id::text NULLS FIRST"
_KINDS = {
    "entries": _Kind(
        "model_registry_entries",
        f"{_PLACE}, e.deployment_updated_at DESC, e.deployment_id",
        "deployment_",
        row="model_registry_entry(e)",
        always="e.deployment_id IS NOT NULL",
    ),
    "routes": _Kind("model_routes", f"{_PLACE}, e.share DESC, e.revision, e.route_id"),
    "events": _Kind("model_deployment_events", "e.event_id DESC", "deployment_", time="e.occurred_at"),
    "history": _Kind("model_history", "e.event_id DESC", time="e.valid_from"),
    # What was routable at a moment.
    "live": _Kind("model_routes_at(%s::timestamptz)", f"{_PLACE}, e.revision, e.route_id"),
}
KINDS = tuple(name for name in _KINDS if name != "live")

_STATEMENT = "SELECT @row::text FROM @source e WHERE @conditions ORDER BY @order LIMIT %s OFFSET %s"

#: Option to the column it filters by, where the kind's prefix stands before it or not.
_FILTERS = {
    "model": "e.model_name",
    "environment": "e.@environment",
    "status": "e.@status",
    "revision": "e.@revision",
    "organization": "e.organization_id::text",
    "action": "e.action",
}
_EVERYTHING = (
    "SELECT model_registry_entry(e)::text FROM model_registry_entries e WHERE e.deployment_environment = %s "
    "ORDER BY e.model_name, e.deployment_updated_at NULLS FIRST, e.ctid"
)
_MOMENTS = ("at", "since", "until")


def query_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry_info beside those of the connection."""
    strings: dict[str, t.Any] = {"type": "list", "elements": "str"}
    return {
        "what": {"type": "str", "choices": [*KINDS, "status"], "default": "entries"},
        "model": strings,
        "environment": {**strings, "choices": list(ENVIRONMENTS)},
        "status": {**strings, "choices": list(STATUSES)},
        "revision": strings,
        "organization": strings,
        "action": strings,
        "superseded": {"type": "bool", "default": False},
        "print_table": {"type": "bool", "default": False},
        **{name: {"type": "str"} for name in _MOMENTS},
        "limit": {"type": "int", "default": 1000},
        "offset": {"type": "int", "default": 0},
    }


def read(database: Database, params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The rows of ``what``, sorted and one page of them; raises InputError for moments that are none or belong to another kind."""
    statement, values = _statement(params)
    with opened(database, Deadline(database.timeout)) as session:
        session.begin()
        found = session.query(statement, values, what="reading the registry")
        session.rollback()
    return [decoded(text) for (text,) in found]


def _statement(params: t.Mapping[str, t.Any]) -> tuple[str, list[t.Any]]:
    what = params["what"]
    moments = {name: _moment(name, params[name]) for name in _MOMENTS if params.get(name)}
    if "at" in moments and what != "history":
        raise InputError(f"at belongs to what: history; {what} has only the present state")
    kind = _KINDS["live" if "at" in moments else what]
    if not kind.time and set(moments) - {"at"}:
        raise InputError("since and until belong to what: events and, without at, to what: history")
    if params.get("action") and what not in ("events", "history"):
        raise InputError("action belongs to what: events and what: history")
    if params["limit"] < 1 or params["offset"] < 0:
        raise InputError(f"limit {params['limit']} and offset {params['offset']} are refused: at least 1, and at least 0")
    values: list[t.Any] = [moments["at"]] if "at" in moments else []
    conditions = [kind.always]
    for name, column in _FILTERS.items():
        if params.get(name):
            conditions.append(f"{column} = ANY(%s::text[])")
            values.append(list(params[name]))
    for name, comparison in (("since", ">="), ("until", "<")):
        if name in moments:
            conditions.append(f"{kind.time} {comparison} %s::timestamptz")
            values.append(moments[name])
    # Names of tables and columns are the constants above; whatever was given is a parameter.
    parts = {"@row": kind.row, "@source": kind.source, "@conditions": " AND ".join(conditions), "@order": kind.order, "@": kind.prefix}
    statement = _STATEMENT
    for place, part in parts.items():
        statement = statement.replace(place, part)
    return statement, [*values, params["limit"], params["offset"]]


def _moment(name: str, text: str) -> str:
    """ISO 8601 with its offset: without one it would mean another moment on another machine."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.datetime.min
    if moment.tzinfo is None:
        raise InputError(f"{name} {text[:60]!a} is refused: a moment such as 2026-11-21T14:00:00+00:00, with its offset from UTC")
    return moment.isoformat()


def everything(database: Database, environment: str) -> list[dict[str, t.Any]]:
    """All rows of an environment, those that are the platform's own among them."""
    with opened(database, Deadline(database.timeout)) as session:
        session.begin()
        found = session.query(_EVERYTHING, (environment,), what="reading the registry")
        session.rollback()
    return [decoded(text) for (text,) in found]
