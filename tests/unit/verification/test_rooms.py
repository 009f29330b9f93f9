"""The rooms import downwards only: gates know no endpoint, the endpoint knows no gate."""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOMS = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "module_utils"


def imported(room: str) -> set[str]:
    """The rooms that the files of ``room`` import, and itself."""
    found: set[str] = set()
    for path in (ROOMS / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {name.partition(".")[0] for name in names if not name.startswith("_")}
    return found


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("gates", set()),
        ("endpoint", {"cluster", "http", "rollout"}),
        ("verification", {"cluster", "endpoint", "gates"}),
        ("routing", {"endpoint", "registry"}),
    ],
)
def test_a_room_imports_only_rooms_before_it_and_says_which(room: str, allowed: set[str]) -> None:
    assert imported(room) - allowed == set()
    described = ast.get_docstring(ast.parse((ROOMS / room / "__init__.py").read_text())) or ""
    assert "May import:" in described
    assert [name for name in imported(room) if name not in described.partition("May import:")[2]] == []
