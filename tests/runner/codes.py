"""``make codes``: writes the table of docs/codes.md anew, as plugins/module_utils/_codes.py has it."""

from __future__ import annotations

import runpy
import sys

from tests.runner._lines import ROOT

TABLE = ROOT / "plugins" / "module_utils" / "_codes.py"
PAGE = ROOT / "docs" / "codes.md"
HEAD = "| code |"


def main() -> int:
    codes: dict[str, str] = runpy.run_path(str(TABLE))["CODES"]
    lines = [f"{HEAD} what it means |", "| --- | --- |", *(f"| `{code}` | {meaning} |" for code, meaning in codes.items())]
    PAGE.write_text(PAGE.read_text().partition(HEAD)[0] + "\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
