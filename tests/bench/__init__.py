"""Time and memory, with the figures that they must stay under."""

from __future__ import annotations

import pathlib
import sys

# The product by its collection's name, as in every test, but without Ansible's finder: its start would be in the figures.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "collections"))
