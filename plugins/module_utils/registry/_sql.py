# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The statements of the registry, with parameters only. Column names are our own constants."""

from __future__ import annotations

import decimal
import json
import typing as t

from ._errors import WriteConflict
from ._request import EntryRequest
from ._row import COUNTED, Row, Write
from ._session import DatabaseSession

_SCOPE = "coalesce(%s::text, model_registry_default_organization())"

#: Columns that a plan may set; everything else of a row is the database's or the platform's.
_WRITABLE = (*COUNTED, "deployment_bundle_content", "deployment_release_revision")
_KEPT = ("deployment_version", "deployment_created_at", "deployment_updated_at", "last_health_check_at", "deployment_health_failures")

# Column by column: a connection that has seen no statement yet plans this in half the time that model_registry_entry() takes it.
_ENTRY = ", ".join(f"e.{column}" for column in ("deployment_id", "model_name", "deployment_environment", *_WRITABLE, *_KEPT))
_ROWS = (
    "SELECT (SELECT row_to_json(r) FROM (SELECT @entry, e.organization_id::text) r)::text, e.ctid::text, e.xmin::text "
    "FROM @schema.model_registry_entries e WHERE e.model_name = %s AND e.deployment_environment = %s "
    "AND e.organization_id::text IS NOT DISTINCT FROM coalesce(%s::text, @schema.model_registry_default_organization()) "
    "ORDER BY e.deployment_updated_at NULLS FIRST, e.ctid"
)
_LOCK = f"SELECT {_SCOPE}, pg_advisory_xact_lock(hashtextextended(jsonb_build_array('inference.vllm', {_SCOPE}, %s::text, %s::text)::text, 0))::text"
_INSERT = "INSERT INTO model_registry_entries (deployment_id, @columns) VALUES (gen_random_uuid(), @values)"
#: Compare and set: not only our version, also that nobody wrote the row in any other way since it was read.
_UPDATE = "UPDATE model_registry_entries SET @sets WHERE ctid = %s::tid AND xmin::text = %s AND deployment_version = %s RETURNING 1"
_DELETE = "DELETE FROM model_registry_entries WHERE ctid = %s::tid AND xmin::text = %s AND deployment_version = %s RETURNING 1"


class Store:
    """Reads and writes the rows of one model, environment and organization inside the session's transaction."""

    def __init__(self, session: DatabaseSession, request: EntryRequest) -> None:
        self._session = session
        self._scope = (request.organization, request.model, request.environment)
        self._model, self._environment = request.model, request.environment
        self._what = f"registering {request.subject()}" if request.state == "present" else f"changing {request.subject()}"
        self._organization: str | None = None

    def lock(self) -> None:
        """One writer at a time for each model, environment and organization; the lock ends with the transaction, also behind a pooler."""
        rows = self._session.query(_LOCK, (self._scope[0], *self._scope), what=f"waiting for the lock of {self._model} in {self._environment}")
        self._organization = rows[0][0]

    def rows(self) -> list[Row]:
        """As they stand at this moment. Without row locks: they would be written, and a run that changes nothing must leave no trace."""
        # Names in full: outside a transaction no search path of ours is set. The database takes plain identifiers only.
        sql = _ROWS.replace("@entry", _ENTRY).replace("@schema", f'"{self._session.database.schema}"')
        found = self._session.query(sql, (self._model, self._environment, self._scope[0]), what=f"reading {self._model} in {self._environment}")
        return [{**decoded(text), "_place": (ctid, xmin)} for text, ctid, xmin in found]

    def check_grants(self, writes: t.Sequence[Write]) -> None:
        """Check mode foretells a refusal too."""
        needed = {"DELETE" if write.after is None else "INSERT" if write.before is None else "UPDATE" for write in writes}
        found = self._session.query(
            "SELECT privilege FROM unnest(%s::text[]) AS needed (privilege) WHERE NOT has_table_privilege('model_registry_entries', privilege)",
            (sorted(needed),),
            what=self._what,
        )
        if found:
            raise self._session.forbidden(f"no {' and no '.join(name for (name,) in found)} on model_registry_entries", self._what)

    def announce(self, context: t.Mapping[str, t.Any]) -> None:
        """What the triggers put into the events of this transaction."""
        self._session.query("SELECT set_config('inference_vllm.context', %s, true)", (json.dumps(context),), what=self._what)

    def record_verification(self, entry: Row, context: t.Mapping[str, t.Any]) -> None:
        """Fresh evidence of an entry that stays as it is: an event of its own, by the database's clock."""
        values = (str(entry["deployment_id"]), entry["deployment_version"], json.dumps(context))
        what = f"recording the verification of {self._model} in {self._environment}"
        self._session.query("SELECT model_registry_verified(%s::uuid, %s::bigint, %s::jsonb)::text", values, what=what)

    def write(self, write: Write) -> None:
        if write.after is None:
            self._delete(t.cast(Row, write.before))
        elif write.before is None:
            self._insert(write.after)
        else:
            self._update(write.before, write.after)

    def events(self, change_id: str) -> list[Row]:
        found = self._session.query(
            "SELECT to_jsonb(v)::text FROM model_deployment_events v WHERE v.change_id = %s::uuid ORDER BY v.event_id",
            (change_id,),
            what=f"reading the events of {self._model} in {self._environment}",
        )
        return [decoded(text) for (text,) in found]

    def _insert(self, after: Row) -> None:
        columns = ["model_name", "deployment_environment", *(column for column in _WRITABLE if after.get(column) is not None)]
        values = [self._model, self._environment, *(after[column] for column in columns[2:])]
        if self._organization is not None:
            columns.append("organization_id")
            values.append(self._organization)
        names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self._session.query(_INSERT.replace("@columns", names).replace("@values", places), values, what=self._what)

    def _update(self, before: Row, after: Row) -> None:
        columns = [column for column in _WRITABLE if column in after and before.get(column) != after[column]]
        sets = [f"{column} = %s" for column in columns]
        if not before["deployment_id"] and after.get("deployment_revision"):
            sets.append("deployment_id = gen_random_uuid()")
        changed = self._session.query(
            _UPDATE.replace("@sets", ", ".join(sets)),
            [*(after[column] for column in columns), *before["_place"], before["deployment_version"]],
            what=self._what,
        )
        self._check(changed)

    def _delete(self, before: Row) -> None:
        changed = self._session.query(
            _DELETE,
            [*before["_place"], before["deployment_version"]],
            what=self._what,
        )
        self._check(changed)

    def _check(self, changed: t.Sequence[t.Any]) -> None:
        if not changed:
            raise WriteConflict(f"{self._model} in {self._environment} was changed by somebody who does not take the registry's lock; try again")


def decoded(text: str) -> Row:
    """A row of JSON; prices stay exact."""
    return t.cast(Row, json.loads(text, parse_float=decimal.Decimal))


def plain(value: t.Any) -> t.Any:
    """For a module's result: JSON's types, and none of our own marks."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name != "_place"}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return float(value) if isinstance(value, decimal.Decimal) else value
