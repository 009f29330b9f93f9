"""Percentiles against numpy, which is what ``vllm bench serve`` uses."""

from __future__ import annotations

import math

import numpy
import pytest
from ansible_collections.inference.vllm.plugins.module_utils.gates import _statistics
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


@given(VALUES, st.floats(min_value=0, max_value=100))
def test_a_percentile_is_numpys(values: list[float], p: float) -> None:
    assert _statistics.percentile(sorted(values), p) == pytest.approx(float(numpy.percentile(values, p)), rel=1e-12, abs=1e-12)


@given(VALUES, st.integers(min_value=0, max_value=50), st.floats(min_value=0, max_value=100))
def test_with_failed_requests_it_is_a_number_of_the_sample_or_infinite_never_nan(values: list[float], failed: int, p: float) -> None:
    ordered = sorted(values + [math.inf] * failed)
    found = _statistics.percentile(ordered, p)
    rank = p / 100 * (len(ordered) - 1)
    assert not math.isnan(found)
    assert math.isinf(found) == (math.ceil(rank) >= len(values))


@given(VALUES)
def test_the_summary_counts_and_orders(values: list[float]) -> None:
    summary = _statistics.summary(values)
    assert summary["count"] == len(values)
    assert summary["min"] <= summary["p50"] <= summary["p90"] <= summary["p95"] <= summary["p99"] <= summary["max"]


def test_a_summary_of_nothing_claims_nothing() -> None:
    assert _statistics.summary([]) == {"count": 0}
