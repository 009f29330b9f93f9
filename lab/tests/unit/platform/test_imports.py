"""The lab stands alone: it serves the product's tests, and would hide the product's mistakes if it were built on it."""

from __future__ import annotations

import ast
import pathlib

from lab._layout import ROOT

FOREIGN = {"ansible", "ansible_collections", "plugins", "tests", "vllm_routes"}


def imported(path: pathlib.Path) -> set[str]:
    """The first words of what a file imports by absolute names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_no_file_of_the_lab_imports_the_collection_or_its_tests() -> None:
    files = sorted((ROOT / "lab").rglob("*.py"))
    assert ROOT / "lab" / "up.py" in files
    assert {str(path.relative_to(ROOT)): foreign for path in files if (foreign := imported(path) & FOREIGN)} == {}
