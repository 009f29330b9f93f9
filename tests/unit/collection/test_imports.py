"""How tests import: the product by one name, so that each of its classes is there once, and what they share from helper modules."""

from __future__ import annotations

import ast
import pathlib
import re
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("tests", "lab", "extensions", "integrations") for path in (ROOT / folder).rglob("*.py"))
# Also in a program that a test has in a string.
BY_PATH = re.compile(r"\b(?:from|import) plugins\b")


def imports(path: pathlib.Path) -> t.Iterator[str]:
    """The modules that a file imports, each with every name that it takes from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def of_a_test(module: str) -> bool:
    return any(word.startswith("test_") for word in module.split("."))


@pytest.mark.parametrize("text", ["from plugins.modules import x", "import plugins.modules.x", "python -c 'import sys; from plugins import x'"])
def test_an_import_by_the_checkouts_path_is_seen(text: str) -> None:
    assert BY_PATH.search(text)


def test_the_product_is_imported_as_ansible_does_it() -> None:
    # Both names at once would be two copies of every class: an `except NotFound` of the one misses the other.
    assert [str(path.relative_to(ROOT)) for path in FILES if path != pathlib.Path(__file__).resolve() and BY_PATH.search(path.read_text())] == []


def test_no_test_module_is_imported() -> None:
    found = {str(path.relative_to(ROOT)): [module for module in imports(path) if of_a_test(module)] for path in FILES}
    assert len(found) > 100
    assert {path: modules for path, modules in found.items() if modules} == {}
