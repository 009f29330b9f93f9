"""Both Helms render the chart; a test that takes ``helm`` runs with each."""

from __future__ import annotations

import pytest

from tests.chart._render import HELMS


@pytest.fixture(params=HELMS)
def helm(request: pytest.FixtureRequest) -> str:
    return str(request.param)
