"""The module against the real scheduler, for as many cases as one has time for."""

from __future__ import annotations

import pathlib
import sys

# The product by its collection's name, as in every test, but without Ansible's finder: each worker is a program of its own.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "collections"))
