"""Load: what is sent when, and what is measured of it."""

from __future__ import annotations

import itertools
import typing as t

import pytest
import scipy.stats
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._load import Run
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._stream import Sample
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._verify import CheckOutcome
from ansible_collections.inference.vllm.plugins.module_utils.gates import _gate, _judge
from ansible_collections.inference.vllm.plugins.module_utils.verification import _verification

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import DEFAULTS, checked, verified


def test_latency_is_what_the_server_took_by_the_definitions_of_vllm_bench() -> None:
    with vllm(Behaviour(ttft=0.03, gap=0.01, tokens=6)) as (url, _it):
        run = checked(url, checks=["latency"], samples=10).run
    assert run is not None
    for sample in run.samples:
        assert sample.ttft is not None
        assert sample.latency is not None
        assert sample.ttft >= 0.03
        assert sample.latency >= 0.03 + 5 * 0.01
        assert len(sample.gaps) == 5
        assert sample.latency == pytest.approx(sample.ttft + sum(sample.gaps))
        assert sample.tpot == pytest.approx(sum(sample.gaps) / 5)


def test_open_loop_past_the_servers_capacity_shows_the_queue_that_closed_loop_hides() -> None:
    """20 requests a second can be served, 40 are due: the last of 20 waits for half a second, and longer on a slower machine."""
    slow = {"ttft": 0.05, "tokens": 2}
    with vllm(Behaviour(**slow)) as (url, _it):
        closed = verified(url, checks=["latency"], samples=20)["latency"]
    with vllm(Behaviour(**slow)) as (url, _it):
        result = verified(url, checks=["latency"], samples=20, rate=40.0, seed=7, gates={"p95_e2e_seconds": {"max": 0.2, "min_samples": 20}})
    sent, due = result["latency"]["e2e"], result["latency"]["e2e_from_schedule"]
    assert "e2e_from_schedule" not in closed
    assert due["p50"] > 2 * sent["p50"]
    assert result["latency"]["ttft_from_schedule"]["p50"] > 2 * result["latency"]["ttft"]["p50"]
    assert (result["gates"][0]["verdict"], result["gates"][0]["observed"]) == ("fail", due["p95"])


def starts(url: str, **options: t.Any) -> list[float]:
    run = checked(url, checks=["latency"], warmup=0, **options).run
    assert run is not None
    begin = min(sample.start for sample in run.samples)
    return sorted(sample.start - begin for sample in run.samples)


def test_the_schedule_is_poisson_and_the_seed_fixes_it() -> None:
    with vllm() as (url, _it):
        once, again, other = (starts(url, samples=200, rate=400.0, concurrency=4, seed=seed) for seed in (3, 3, 4))
    assert once == pytest.approx(again)
    assert once != pytest.approx(other)
    gaps = [after - before for before, after in itertools.pairwise(once)]
    assert scipy.stats.kstest(gaps, "expon", args=(0, 1 / 400)).pvalue > 0.01


def test_the_load_ends_after_its_duration_or_its_number_whichever_is_first() -> None:
    with vllm(Behaviour(ttft=0.005)) as (url, it):
        timed = verified(url, checks=["latency"], warmup=0, duration=0.5)
        assert timed["latency"]["requests"] == it.generations > 5
        few = verified(url, checks=["latency"], warmup=0, duration=30.0, samples=3)
    assert timed["verdict"] == "pass", timed["message"]
    assert timed["latency"]["duration"] >= 0.4
    assert few["latency"]["requests"] == 3


def test_the_lengths_of_prompt_and_answer_are_as_asked_and_the_same_for_the_same_seed() -> None:
    prompts = []
    with vllm(Behaviour(tokens=9)) as (url, it):
        for seed in (1, 1, 2):
            it.asked.clear()
            verified(url, checks=["latency"], samples=4, warmup=0, prompt_words=30, max_tokens=9, ignore_eos=True, seed=seed)
            prompts.append([body["messages"][0]["content"] for body in it.asked])
            assert [(body["max_tokens"], body["min_tokens"], body["ignore_eos"], body["temperature"]) for body in it.asked] == [(9, 9, True, 0)] * 4
    assert prompts[0] == prompts[1]
    assert prompts[0] != prompts[2]
    assert len(set(prompts[0])) == 4
    assert {len(prompt.split()) for prompt in prompts[0]} == {30}


def test_goodput_counts_the_requests_that_kept_every_limit() -> None:
    with vllm(Behaviour(ttft=0.03, fail_every=4)) as (url, _it):
        kept = verified(url, checks=["latency"], samples=12, warmup=0, slo={"e2e_seconds": 10.0, "ttft_seconds": 10.0})
        broken = verified(
            url, checks=["latency"], samples=12, warmup=0, slo={"e2e_seconds": 10.0, "ttft_seconds": 0.01}, gates={"goodput_requests_per_second": 1}
        )
    assert kept["latency"]["goodput"]["requests"] == 9
    assert kept["latency"]["goodput"]["share"] == 0.75
    assert broken["latency"]["goodput"]["requests"] == 0
    assert broken["gates"][0]["verdict"] == "fail"


@pytest.mark.parametrize(("cpu", "wall", "verdict"), [(0.2, 1.0, "pass"), (0.51, 1.0, "inconclusive"), (0.4, 0.45, "pass"), (40.0, 60.0, "inconclusive")])
def test_a_prober_that_was_busy_itself_judges_nothing(cpu: float, wall: float, verdict: str) -> None:
    params = {**DEFAULTS, "model": "llama-3-8b", "url": "http://models.example.com"}
    run = Run([Sample(0.0, 0.0, 0.1, 0.05, 0.1, tokens=4) for _ in range(60)], wall, cpu)
    found = _verification.measurements(CheckOutcome([], run), _options.plan(params))
    (gate,) = _gate.parse({"p95_e2e_seconds": 3})
    entry = _judge.judge(gate, found)
    assert entry["verdict"] == verdict
    assert entry["code"] == ("prober_busy" if verdict == "inconclusive" else "met")
