# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Migration files and the way from one version to another. Pure, but for reading the directory."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

from .._errors import InputError
from ._errors import RegistryError

_FILE = re.compile(r"(?P<version>[0-9]{14})_(?P<name>[a-z0-9_]+)\.(?P<direction>up|down)\.sql")


@dataclasses.dataclass(frozen=True)
class Migration:
    version: int
    name: str
    up: str
    down: str


@dataclasses.dataclass(frozen=True)
class MigrationStep:
    """One file to run, and the version that the schema has afterwards; 0 is the empty schema."""

    migration: Migration
    direction: t.Literal["up", "down"]
    starts_from: int
    leads_to: int

    @property
    def sql(self) -> str:
        return self.migration.up if self.direction == "up" else self.migration.down

    def as_result(self) -> dict[str, t.Any]:
        return {"version": self.migration.version, "name": self.migration.name, "direction": self.direction}


def load(directory: str) -> tuple[Migration, ...]:
    """All pairs of ``YYYYMMDDHHMMSS_name.{up,down}.sql``, oldest first."""
    found: dict[tuple[int, str], dict[str, str]] = {}
    try:
        paths = sorted(pathlib.Path(directory).glob("*.sql"))
        for path in paths:
            match = _FILE.fullmatch(path.name)
            if not match:
                raise InputError(f"migration {path} is refused: its name is not YYYYMMDDHHMMSS_name.up.sql or .down.sql")
            found.setdefault((int(match["version"]), match["name"]), {})[match["direction"]] = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"migrations in {directory} cannot be read: {error}") from error
    if not found:
        raise InputError(f"no migrations in {directory}; give the directory of the *.up.sql and *.down.sql files by path")
    return tuple(_pair(directory, version, name, files, found) for (version, name), files in sorted(found.items()))


def _pair(directory: str, version: int, name: str, files: dict[str, str], found: t.Iterable[tuple[int, str]]) -> Migration:
    if set(files) != {"up", "down"}:
        raise InputError(f"migration {version}_{name} in {directory} has no {({'up', 'down'} - set(files)).pop()} file")
    if sum(1 for other, _name in found if other == version) > 1:
        raise InputError(f"two migrations in {directory} have version {version}")
    return Migration(version, name, files["up"], files["down"])


def way(migrations: t.Sequence[Migration], current: int, wanted: int | None) -> tuple[MigrationStep, ...]:
    """The steps from version ``current`` to ``wanted`` (None: the latest)."""
    versions = [0, *(migration.version for migration in migrations)]
    goal = versions[-1] if wanted is None else wanted
    if goal not in versions:
        raise InputError(f"there is no migration {goal}; versions are 0 (nothing) and {', '.join(map(str, versions[1:]))}")
    if current not in versions:
        raise RegistryError(
            f"the schema is at version {current}, which these migrations do not have: it was made by a newer collection, or the table belongs to "
            "the platform's own migrations; update the collection, or give another migrations_table",
            code="schema_version",
        )
    start, end = versions.index(current), versions.index(goal)
    if start <= end:
        return tuple(MigrationStep(migrations[index], "up", versions[index], versions[index + 1]) for index in range(start, end))
    return tuple(MigrationStep(migrations[index - 1], "down", versions[index], versions[index - 1]) for index in range(start, end, -1))
