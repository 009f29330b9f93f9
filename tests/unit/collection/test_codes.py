"""Each code that the plugins use is in the table, the table has no other, and the page shows the table."""

from __future__ import annotations

import ast
import pathlib
import re

from ansible_collections.inference.vllm.plugins.module_utils._codes import CODES

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "codes.md"


#: Calls whose first or second argument is a code.
CALLS = {"Problem": 0, "Decision": 1, "Outcome": 1}


def literals(value: ast.expr | None) -> list[str]:
    """The text that an expression can be, as far as it is written there."""
    if isinstance(value, ast.IfExp):
        return literals(value.body) + literals(value.orelse)
    return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value else []


def codes(node: ast.AST) -> list[str]:
    """Codes that a node names: ``code = "..."``, ``code="..."``, ``{"code": "..."}``, tables called ..._CODES, and the calls above."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if names == ["code"]:
            return literals(node.value)
        if names and names[0].endswith("CODES") and isinstance(node.value, ast.Dict):
            return [code for value in node.value.values for code in literals(value)]
    if isinstance(node, ast.keyword) and node.arg == "code":
        return literals(node.value)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [code for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code" for code in literals(value)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS and len(node.args) > CALLS[node.func.id]:
        return literals(node.args[CALLS[node.func.id]])
    return []


def sources() -> list[pathlib.Path]:
    return [path for path in sorted((ROOT / "plugins").rglob("*.py")) if path.name != "_codes.py"]


def used() -> dict[str, str]:
    """Code to a file that uses it."""
    return {code: str(path.relative_to(ROOT)) for path in sources() for node in ast.walk(ast.parse(path.read_text())) for code in codes(node)}


def test_every_code_that_is_used_is_in_the_table() -> None:
    assert {code: path for code, path in used().items() if code not in CODES} == {}


def test_every_code_of_the_table_is_used() -> None:
    words = set().union(*(re.findall(r"\"([a-z][a-z0-9_]+)\"", path.read_text()) for path in sources()))
    assert sorted(set(CODES) - words) == []


def test_codes_are_plain_words_in_order_and_their_meanings_are_sentences() -> None:
    assert list(CODES) == sorted(CODES)
    assert [code for code in CODES if not re.fullmatch(r"[a-z][a-z0-9_]+", code)] == []
    assert [meaning for meaning in CODES.values() if len(meaning) < 10] == []


def test_the_page_shows_the_table() -> None:
    shown = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert shown == dict(CODES), "the page is older than the table: make codes"
