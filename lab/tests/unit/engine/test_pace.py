# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Distributions, faults, and the engine's queue."""

from __future__ import annotations

import asyncio
import random
import statistics
import typing as t

import hypothesis
import hypothesis.strategies as st
import pytest
from prometheus_client import CollectorRegistry

from lab.engine._cli import parse
from lab.engine._core import Engine
from lab.engine._errors import Aborted, ApiError, EngineDead
from lab.engine._faults import FIELDS, Faults, faults_from
from lab.engine._metrics import EngineMetrics, size_buckets
from lab.engine._random import Distribution
from lab.engine._settings import settings_from
from lab.engine._truth import Truth

QUICK = {"LAB_ENGINE_TTFT_MS": "1", "LAB_ENGINE_ITL_MS": "1", "LAB_ENGINE_PREFILL_US": "0"}


def engine(*words: str, **environ: str) -> Engine:
    settings = settings_from(parse(["org/m", "--max-model-len", "2048", *words]), {})
    faults = faults_from({**QUICK, **environ})
    return Engine(settings, faults, EngineMetrics(settings, CollectorRegistry()), Truth(""))


@pytest.mark.parametrize("text", ["", "x", "1..", "3..2", "-1", "1~-1", "nan", "inf", "1~2~3"])
def test_what_is_no_distribution_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not a distribution: write"):
        Distribution.parse(text)


@pytest.mark.parametrize("text", ["5", "5~0.3", "1..2", "0"])
def test_a_distribution_is_written_as_it_was_read(text: str) -> None:
    assert str(Distribution.parse(text)) == text


def test_samples_have_the_median_and_spread_asked_for() -> None:
    source = random.Random(1)
    found = [Distribution.parse("10~0.5").sample(source) for _ in range(4000)]
    assert statistics.median(found) == pytest.approx(10, rel=0.05)
    assert statistics.quantiles(found, n=100)[83] == pytest.approx(10 * 2.718**0.5, rel=0.08)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.floats(0, 100), st.floats(0, 100))
def test_a_range_is_kept_to(low: float, width: float) -> None:
    value = Distribution.parse(f"{low!r}..{low + width!r}" if "e" not in f"{low!r}{low + width!r}" else "1..2").sample(random.Random(2))
    assert value >= 0


def test_every_setting_can_be_given_by_environment() -> None:
    kinds = {"load_seconds": "3", "start_fault": "hub", "stream_fault": "cut", "sigterm": "race", "model": "present", "stalled": "true"}
    environ = {f"LAB_ENGINE_{name.upper()}": kinds.get(name, "4") for name in FIELDS}
    faults = faults_from(environ)
    assert (faults.start_fault, faults.seed, faults.stalled, faults.error_rate) == ("hub", 4, True, 4.0)


def test_an_unknown_setting_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="LAB_ENGINE_TYPO is not a setting of the simulated engine"):
        faults_from({"LAB_ENGINE_TYPO": "1"})


def test_other_variables_are_none_of_its_business() -> None:
    assert faults_from({"HOME": "/", "VLLM_PORT": "1"}) == Faults()


@pytest.mark.parametrize(("limit", "last"), [(1, 1), (512, 500), (2048, 2000), (131072, 100000)])
def test_size_buckets_end_below_the_context(limit: int, last: int) -> None:
    assert size_buckets(limit)[-1] == last


async def _generate(made: Engine, tokens: int) -> float:
    sequence = made.plan("r", 3, tokens, 1, to_the_end=True)
    await made.start(sequence)
    await made.run_out(sequence)
    made.finish(sequence, sequence.finish)
    return sequence.last or 0.0


def test_no_more_run_than_there_are_slots_and_all_get_their_turn_in_order() -> None:
    async def scenario() -> None:
        made = engine("--max-num-seqs", "2")
        tasks = [asyncio.create_task(_generate(made, 5)) for _ in range(6)]
        most = 0
        while not all(task.done() for task in tasks):
            most = max(most, made.running)
            assert made.running <= 2
            await asyncio.sleep(0)
        ends = [task.result() for task in tasks]
        assert (most, made.running, made.waiting, made.kv_used) == (2, 0, 0, 0)
        assert ends[0] <= ends[2] <= ends[4]

    asyncio.run(scenario())


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 0.01), st.booleans()), min_size=1, max_size=8), st.integers(1, 3))
def test_whoever_leaves_whenever_no_slot_is_lost_or_doubled(arrivals: list[tuple[int, float, bool]], slots: int) -> None:
    async def visitor(made: Engine, tokens: int, patience: float, leaves: bool) -> None:
        sequence = made.plan("r", 3, tokens, 1, to_the_end=True)
        task = asyncio.create_task(_run(made, sequence))
        if leaves:
            await asyncio.sleep(patience)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(made: Engine, sequence: t.Any) -> None:
        await made.start(sequence)
        try:
            assert made.running <= slots
            await made.run_out(sequence)
        finally:
            made.finish(sequence, "disconnected")

    async def scenario() -> None:
        made = engine("--max-num-seqs", str(slots))
        await asyncio.gather(*(visitor(made, *arrival) for arrival in arrivals))
        assert (made.running, made.waiting, made.kv_used) == (0, 0, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(("act", "kind"), [("die", EngineDead), ("abort", Aborted)])
def test_death_and_abort_reach_those_who_run_and_those_who_wait(act: str, kind: type[Exception]) -> None:
    async def scenario() -> None:
        made = engine("--max-num-seqs", "1", LAB_ENGINE_TTFT_MS="10000")
        tasks = [asyncio.create_task(_generate(made, 5)) for _ in range(2)]
        await asyncio.sleep(0.01)
        getattr(made, act)()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in found] == [kind, kind]

    asyncio.run(scenario())


def test_a_dead_engine_admits_nobody() -> None:
    made = engine()
    made.die()
    with pytest.raises(EngineDead):
        made.admit(1)


def test_a_draining_engine_refuses_with_a_500() -> None:
    made = engine()
    made.draining = True
    with pytest.raises(ApiError, match="cannot schedule new futures after shutdown"):
        made.admit(1)


def test_the_queue_limit_is_released() -> None:
    made = engine("--max-num-queued-reqs", "2")
    made.admit(2)
    with pytest.raises(ApiError, match="currently busy"):
        made.admit(1)
    made.release(2)
    made.admit(1)
