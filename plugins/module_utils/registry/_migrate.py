# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Applies migrations as golang-migrate does, so that either tool can carry on: the same table, the same lock, one transaction each."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t
import zlib

from .._deadline import Deadline
from .._errors import DeadlineError, InputError
from ._database import Database
from ._errors import Lost, RegistryError
from ._migrations import Migration, MigrationStep, way
from ._session import DatabaseSession, opened

Found = t.TypeVar("Found")

_LOCK_SALT = 1486364155

#: @ stands for the table, whose name is checked to be a plain identifier.
_READ = "SELECT version, dirty FROM @ LIMIT 1"
_WRITE = "INSERT INTO @ (version, dirty) VALUES (%s, false)"


def schema_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry_schema beside those of the connection."""
    return {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["latest", "version"], "default": "latest"},
        "version": {"type": "int"},
        "allow_down": {"type": "bool", "default": False},
        "migrations_table": {"type": "str", "default": "schema_migrations"},
    }


@dataclasses.dataclass(frozen=True)
class Migrated:
    before: int
    after: int
    steps: tuple[MigrationStep, ...]


def lock_keys(database: str, schema: str, table: str) -> tuple[int, int]:
    """golang-migrate's advisory locks for this table: its command takes the database's name from its URL's path, slash and all, its library does not."""
    return _lock_key(f"{schema}\0{table}\0/{database}"), _lock_key(f"{schema}\0{table}\0{database}")


def _lock_key(name: str) -> int:
    return (zlib.crc32(name.encode()) * _LOCK_SALT) & 0xFFFFFFFF


def migrate(
    database: Database,
    migrations: t.Sequence[Migration],
    wanted: int | None,
    *,
    table: str = "schema_migrations",
    allow_down: bool = False,
    check_mode: bool = False,
) -> Migrated:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", table):
        raise InputError(f"migrations_table {table!r} is not a plain identifier: lower case letters, digits and underscores")
    deadline = Deadline(database.timeout)
    with opened(database, deadline) as session:
        before = _in_transaction(session, table, _version)
        steps = way(migrations, before, wanted)
        if any(step.direction == "down" for step in steps) and not allow_down:
            raise RegistryError(
                f"going from version {before} to {steps[-1].leads_to} reverses {len(steps)} migrations and loses their data; set allow_down to allow it",
                code="schema_version",
            )
        after = steps[-1].leads_to if steps else before
        if not check_mode:
            steps = tuple(step for number, step in enumerate(steps) if _in_transaction(session, table, functools.partial(_take, steps[number:])))
    return Migrated(before, after, steps)


def _in_transaction(session: DatabaseSession, table: str, work: t.Callable[[DatabaseSession, str], Found]) -> Found:
    session.begin()
    ((name, schema),) = session.query("SELECT current_database(), current_schema()", what="asking for the schema")
    if schema is None:
        raise RegistryError(f"database {name} has no schema {session.database.schema}; create it, or check schema", code="schema_missing")
    for key in lock_keys(str(name), str(schema), table):
        session.query("SELECT pg_advisory_xact_lock(%s)::text", (key,), what="waiting for another migration to end")
    result = work(session, table)
    try:
        session.commit()
    except Lost as lost:
        message = f"{lost}; whether the last migration was applied is not known: run the task again, it continues from where the schema is"
        raise RegistryError(message, code="commit_unknown") from lost
    return result


def _version(session: DatabaseSession, table: str) -> int:
    if session.query("SELECT to_regclass(%s)::text", (f"{session.database.schema}.{table}",), what=f"looking for {table}")[0][0] is None:
        return 0
    rows = session.query(_READ.replace("@", table), what=f"reading {table}")
    if not rows:
        return 0
    version, dirty = rows[0]
    if dirty:
        message = f"migration {version} has failed half way (dirty in {table}); repair the schema by hand, then run: migrate force {version}"
        raise RegistryError(message, code="schema_version")
    return int(version)


def _take(steps: t.Sequence[MigrationStep], session: DatabaseSession, table: str) -> bool:
    """The first of ``steps``, file and version in one transaction: a migration that fails leaves nothing, not even a dirty mark.

    False when somebody else, who goes the same way at the same time, has taken it.
    """
    step = steps[0]
    session.query(f"CREATE TABLE IF NOT EXISTS {table} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)", what=f"creating {table}")
    current = _version(session, table)
    if current in {later.leads_to for later in steps}:
        return False
    if current != step.starts_from:
        raise RegistryError(f"another migration ran at the same time: the schema is now at version {current}; run the task again", code="write_conflict")
    try:
        session.query(step.sql, what=f"migration {step.migration.version}_{step.migration.name}.{step.direction}")
    except DeadlineError as error:
        raise RegistryError(f"{error}; the migration was rolled back") from error
    session.query(f"TRUNCATE {table}", what=f"writing {table}")
    if step.leads_to:
        session.query(_WRITE.replace("@", table), (step.leads_to,), what=f"writing {table}")
    return True
