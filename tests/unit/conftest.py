"""One profile for all property tests: a busy machine is slow, and that is no fault of what is tested."""

from __future__ import annotations

import typing as t

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


def pytest_pycollect_makemodule() -> t.Any:
    """A test takes the profile of the moment in which its module is read."""
    settings.load_profile("unit")
