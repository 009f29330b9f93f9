"""Each code that the plugins use is in the table, the table has no other, and the page shows the table."""

from __future__ import annotations

import ast
import pathlib
import re

from ansible_collections.inference.vllm.plugins.module_utils._codes import CODES

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "codes.md"


def used() -> dict[str, str]:
    """Code to a file that uses it: ``code = "..."`` of a class, ``code="..."`` of a call, and the tables whose name ends in CODES."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        if path.name == "_codes.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            values: list[ast.expr | None] = []
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                if names == ["code"]:
                    values = [node.value]
                elif names and names[0].endswith("CODES") and isinstance(node.value, ast.Dict):
                    values = list(node.value.values)
            elif isinstance(node, ast.keyword) and node.arg == "code":
                values = [node.value]
            elif isinstance(node, ast.Dict):
                values = [value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant) and key.value == "code"]
            literals = [part.value for value in values if value is not None for part in ast.walk(value) if isinstance(part, ast.Constant)]
            found.update({str(code): str(path.relative_to(ROOT)) for code in literals if isinstance(code, str) and code})
    return found


def test_every_code_that_is_used_is_in_the_table() -> None:
    assert {code: path for code, path in used().items() if code not in CODES} == {}


def test_every_code_of_the_table_is_used() -> None:
    assert sorted(set(CODES) - set(used())) == []


def test_codes_are_plain_words_in_order_and_their_meanings_are_sentences() -> None:
    assert list(CODES) == sorted(CODES)
    assert [code for code in CODES if not re.fullmatch(r"[a-z][a-z0-9_]+", code)] == []
    assert [meaning for meaning in CODES.values() if len(meaning) < 10] == []


def test_the_page_shows_the_table() -> None:
    shown = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert shown == dict(CODES), "the page is older than the table: make codes"


if __name__ == "__main__":
    head = PAGE.read_text().partition("| code |")[0]
    lines = ["| code | what it means |", "| --- | --- |", *(f"| `{code}` | {meaning} |" for code, meaning in CODES.items())]
    PAGE.write_text(head + "\n".join(lines) + "\n")
