"""The guide says what the code does."""

from __future__ import annotations

import pathlib
import re

from ansible_collections.inference.vllm.plugins.module_utils.registry._status import CHANGES

GUIDE = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "registry.md").read_text()


def test_the_table_of_legal_changes_is_the_codes_own() -> None:
    table = GUIDE.partition("| from | to |")[2].partition("\n\n")[0]
    lines = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    said = {start: tuple(re.sub(r"\s*\(.*?\)", "", end) for end in ends.split(", ")) for start, ends in lines}
    assert said == {start or "no entry": ends for start, ends in CHANGES.items()}
