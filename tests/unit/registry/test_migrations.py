"""Files, versions, and the way between them."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.registry._migrate import lock_keys
from ansible_collections.inference.vllm.plugins.module_utils.registry._migrations import Migration, load, way

MIGRATIONS = tuple(Migration(version, f"m{version}", f"up {version}", f"down {version}") for version in (1, 2, 3))
OURS = pathlib.Path(__file__).resolve().parents[3] / "roles" / "registry_schema" / "files" / "migrations"


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (0, None, ["up 1", "up 2", "up 3"]),
        (1, None, ["up 2", "up 3"]),
        (3, None, []),
        (3, 1, ["down 3", "down 2"]),
        (2, 0, ["down 2", "down 1"]),
        (0, 2, ["up 1", "up 2"]),
    ],
)
def test_the_way_is_every_file_in_between(current: int, wanted: int | None, expected: list[str]) -> None:
    steps = way(MIGRATIONS, current, wanted)
    assert [step.sql for step in steps] == expected
    places = [current, *(step.leads_to for step in steps)]
    assert [step.starts_from for step in steps] == places[:-1]
    assert places[-1] == (3 if wanted is None else wanted)


def test_versions_that_are_not_there_are_refused() -> None:
    with pytest.raises(Error, match="there is no migration 9; versions are 0"):
        way(MIGRATIONS, 0, 9)
    with pytest.raises(Error, match="the schema is at version 9, which these migrations do not have"):
        way(MIGRATIONS, 9, None)


def test_our_files_come_in_pairs_and_in_order() -> None:
    versions = [migration.version for migration in load(str(OURS))]
    assert versions == sorted(versions)
    assert len(versions) >= 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no migrations in"),
        (["20260101000000_a.up.sql"], "has no down file"),
        (["1_a.up.sql"], "its name is not YYYYMMDDHHMMSS_name"),
        (["20260101000000_a.up.sql", "20260101000000_a.down.sql", "20260101000000_b.up.sql", "20260101000000_b.down.sql"], "two migrations in"),
    ],
)
def test_a_folder_with_a_mistake_is_refused_before_anything_runs(tmp_path: pathlib.Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;", encoding="ascii")
    with pytest.raises(Error, match=message):
        load(str(tmp_path))


def test_the_lock_is_the_one_that_golang_migrate_takes() -> None:
    """Read from pg_locks while migrate 4.20.1 held it."""
    assert lock_keys("registry", "public", "schema_migrations")[0] == 2486710858
