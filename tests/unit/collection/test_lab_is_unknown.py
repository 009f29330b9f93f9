"""What runs against a user's cluster does not know the lab: it would be a way to pass tests and fail in production."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROOMS = ("plugins", "roles", "playbooks", "charts", "inventories", "integrations")
LAB = re.compile(r"\blab\b|\bLAB_|lab\.inference\.vllm|[./]lab/", re.IGNORECASE)
ENTRY = re.compile(r"^ *[-*] +lab\b", re.MULTILINE)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_that_users_run_names_the_lab(room: str) -> None:
    files = [path for path in (ROOT / room).rglob("*") if path.is_file() and path.suffix not in {".pyc", ".tgz"}]
    assert files, f"{room} is empty"
    named = [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for path in files for number, line in _lines(path) if LAB.search(line)]
    assert named == []


def test_users_changelog_has_no_entry_about_the_lab() -> None:
    files = [ROOT / "CHANGELOG.md", ROOT / "CHANGELOG.rst", *(ROOT / "changelogs").rglob("*.y*ml")]
    assert [str(path.relative_to(ROOT)) for path in files if ENTRY.search(path.read_text())] == []


def _lines(path: pathlib.Path) -> list[tuple[int, str]]:
    return list(enumerate(path.read_text().splitlines(), start=1))
