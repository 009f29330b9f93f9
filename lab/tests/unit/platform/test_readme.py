"""What lab/README.md says of Kubernetes' behavior is a list of tests that there are."""

from __future__ import annotations

import re

from lab._layout import ROOT


def test_every_test_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "lab" / "README.md").read_text()))
    written = {name for path in (ROOT / "lab" / "tests").rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    assert named
    assert named - written == set()
