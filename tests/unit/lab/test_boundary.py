"""Nothing that users run against their own clusters knows the lab."""

from __future__ import annotations

import re

from lab._layout import ROOT

WORD = re.compile(r"\blab\b|\.lab/|LAB_[A-Z]|lab\.inference\.vllm")
SHIPPED = ("plugins", "roles", "playbooks", "charts", "inventories", "integrations")


def test_no_shipped_file_mentions_the_lab() -> None:
    found = []
    for folder in SHIPPED:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in {".py", ".yml", ".yaml", ".j2", ".tpl", ".sql", ".json"}:
                lines = path.read_text(encoding="utf-8").splitlines()
                found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if WORD.search(line)]
    assert found == []
