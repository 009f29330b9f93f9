"""The registry's class names are its own, and it imports only from rooms before it."""

from __future__ import annotations

import ast
import collections
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3] / "plugins"
UTILS = ROOT / "module_utils"
REGISTRY = {"bundle", "change", "cluster", "release", "lock", "endpoint", "gates"}
MAY_IMPORT = {"registry": REGISTRY, "routing": REGISTRY | {"registry"}}


def imported(room: str) -> set[str]:
    """Rooms whose files a room's files import."""
    rooms = set()
    for path in (UTILS / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                rooms.add(node.module.split(".")[0])
    return {name for name in rooms if not name.startswith("_")}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_docstring_names(room: str) -> None:
    assert sorted(imported(room) - MAY_IMPORT[room]) == []
    docstring = ast.get_docstring(ast.parse((UTILS / room / "__init__.py").read_text())) or ""
    named = set(docstring.partition("May import:")[2].replace(",", " ").replace(".", " ").split())
    assert MAY_IMPORT[room] <= named


def test_no_class_of_the_registry_has_the_name_of_another() -> None:
    places = collections.defaultdict(set)
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].add(str(path.relative_to(ROOT)))
    doubled = {name: sorted(paths) for name, paths in places.items() if len(paths) > 1 and any("/registry/" in path for path in paths)}
    assert doubled == {}
