"""The rooms of module_utils import downwards only, and each says what it is."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest

UTILS = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "module_utils"

#: From the ground up. Rooms of one line may not import each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ("_errors", "_deadline", "_quantity", "_codes", "_actor", "_spec", "_module"),
    ("http",),
    ("bundle",),
    ("change",),
    ("cluster",),
    ("lock",),
    ("release", "capacity", "rollout"),
    ("endpoint",),
    ("gates",),
    ("verification",),
    ("registry",),
    ("routing",),
    ("apply",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

#: They decide, and ask nobody: neither Ansible nor anything that must be installed.
PURE = ("bundle", "change", "gates")

#: What a room may not know although it is below it.
STRANGERS = {("gates", "endpoint")}


def rooms() -> list[str]:
    return sorted(path.name for path in UTILS.iterdir() if path.is_dir() and any(path.glob("*.py")))


def files(room: str) -> list[pathlib.Path]:
    folder = UTILS / room
    return sorted(folder.glob("**/*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports(path: pathlib.Path) -> set[str]:
    """Rooms and single files of module_utils that a file imports, wherever in it."""
    here = path.relative_to(UTILS).parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            whole = (*base, *(node.module.split(".") if node.module else ()))
            found |= {whole[0]} if whole else {alias.name for alias in node.names}
    return found


def arrows() -> set[tuple[str, str]]:
    return {(room, target) for room in [*rooms(), *ORDER[0]] for path in files(room) for target in imports(path) if target != room}


def at_import(path: pathlib.Path) -> set[str]:
    """Packages that are imported when the file is; what stands inside a function is not."""
    found: set[str] = set()
    nodes: list[ast.AST] = list(ast.parse(path.read_text()).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
        nodes += ast.iter_child_nodes(node)
    return found


def test_every_room_has_its_place_in_the_order() -> None:
    assert set(rooms()) - set(LEVEL) == set()
    assert {room for rooms_of_level in ORDER[1:] for room in rooms_of_level} - set(rooms()) == set()


def test_no_room_imports_one_above_or_beside_it() -> None:
    ground = set(ORDER[0])
    wrong = {(room, target) for room, target in arrows() if LEVEL[target] >= LEVEL[room] and not (room in ground and target in ground)}
    assert wrong == set()


def test_there_is_no_circle() -> None:
    below: dict[str, set[str]] = {}
    for room, target in arrows():
        below.setdefault(room, set()).add(target)

    def reach(room: str, seen: tuple[str, ...] = ()) -> None:
        assert room not in seen, " -> ".join((*seen, room))
        for target in below.get(room, ()):
            reach(target, (*seen, room))

    for room in LEVEL:
        reach(room)


def test_rooms_that_must_not_know_each_other_do_not() -> None:
    assert STRANGERS & arrows() == set()


def test_nothing_of_module_utils_is_imported_by_its_long_name() -> None:
    """It would be a second copy of each class where Ansible ships the files to another machine."""
    assert [str(path) for path in UTILS.rglob("*.py") if "ansible_collections" in at_import(path)] == []


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_needs_nothing_that_must_be_installed(room: str) -> None:
    standard = set(sys.stdlib_module_names)
    assert {package for path in files(room) for package in at_import(path)} - standard == set()


def _docstring(room: str) -> str:
    path = UTILS / room / "__init__.py"
    return (ast.get_docstring(ast.parse(path.read_text())) or "") if path.exists() else ""


@pytest.mark.parametrize("room", rooms())
def test_every_entry_point_that_a_room_names_exists(room: str) -> None:
    named = re.findall(r"``(_\w+)\.(\w+)", _docstring(room))
    sources = {name: (UTILS / room / f"{name}.py").read_text() for name, _what in named}
    assert [f"{name}.{what}" for name, what in named if not re.search(rf"^(?:def|class) {what}\b|^{what}\b", sources[name], re.MULTILINE)] == []


@pytest.mark.parametrize("room", rooms())
def test_every_room_says_what_it_does_and_what_it_may_import(room: str) -> None:
    first, *more = _docstring(room).splitlines()
    assert first.endswith((".", ":"))
    assert re.search(r"\b[Ii]mports?\b", " ".join(more)), "it does not say what it may import"
