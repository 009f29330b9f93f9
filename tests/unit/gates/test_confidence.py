"""What small samples prove, against scipy and against the numbers that the documents state."""

from __future__ import annotations

import pytest
import scipy.stats
from ansible_collections.inference.vllm.plugins.module_utils.gates import _confidence
from hypothesis import given
from hypothesis import strategies as st

SHARES = st.floats(min_value=0.0005, max_value=0.9)


@given(st.integers(min_value=1, max_value=3000), st.integers(min_value=0, max_value=60), SHARES)
def test_the_probabilities_are_scipys(samples: int, over: int, share: float) -> None:
    over = min(over, samples)
    below = 1 - float(scipy.stats.binom.cdf(over, samples, share))
    above = float(scipy.stats.binom.cdf(over - 1, samples, share))
    assert _confidence.proves_below(over, samples, share) == pytest.approx(below, abs=1e-9)
    assert _confidence.proves_above(over, samples, share) == pytest.approx(above, abs=1e-9)


@pytest.mark.parametrize(("over", "samples"), [(0, 59), (1, 93), (2, 124), (3, 153), (4, 181)])
def test_a_p95_at_95_percent_needs_so_many(over: int, samples: int) -> None:
    assert _confidence.needed(0.05, 0.95, over) == samples


@given(SHARES, st.floats(min_value=0.5, max_value=0.999), st.integers(min_value=0, max_value=10))
def test_the_number_needed_is_the_smallest_that_proves_it(share: float, confidence: float, over: int) -> None:
    samples = _confidence.needed(share, confidence, over)
    assert _confidence.proves_below(over, samples, share) >= confidence
    assert samples == over + 1 or _confidence.proves_below(over, samples - 1, share) < confidence


@given(st.integers(min_value=0, max_value=400), st.integers(min_value=0, max_value=400), SHARES)
def test_nothing_is_proven_both_ways(over: int, samples: int, share: float) -> None:
    over = min(over, samples)
    assert not (_confidence.proves_below(over, samples, share) >= 0.95 and _confidence.proves_above(over, samples, share) >= 0.95)


def test_no_sample_proves_nothing() -> None:
    assert _confidence.proves_below(0, 0, 0.05) == 0
    assert _confidence.proves_above(0, 0, 0.05) == 0
