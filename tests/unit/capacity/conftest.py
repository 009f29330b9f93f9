"""Examples are bounded by their number, not by time: the machine may be busy with other tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
