"""Examples are bounded by their number, not by time: the machine may be busy with other tests."""

from __future__ import annotations

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _reader
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of pods is a large cluster."""
    monkeypatch.setattr(_reader, "FIRST_PAGE", 5)
    monkeypatch.setattr(_reader, "PAGE", 7)
