"""The module's answer against what the real kube-scheduler does; ``make differential`` runs as many more as one has time for."""

from __future__ import annotations

import collections

from .differential._campaign import work
from .differential._generate import case, plain

CASES, SEED = 300, 1


def test_the_module_and_the_scheduler_agree_on_every_case() -> None:
    verdicts: collections.Counter[str] = collections.Counter()
    for outcome in work(SEED, range(CASES)):
        verdicts[outcome["verdict"]] += 1
        again = f"python -m tests.integration.capacity.differential --seed {SEED} --first {outcome['number']} --cases 1"
        assert outcome["agrees"], f"{outcome}; again by: {again}"
        assert outcome["verdict"] != "inconclusive" or not plain(case(SEED, outcome["number"])), (
            f"{outcome['said']} has no rule that could leave it open; see {again}"
        )
    assert verdicts["inconclusive"] <= CASES / 100
    # A generator of one kind of case would prove little.
    assert min(verdicts["pass"], verdicts["fail"]) >= CASES / 10
    assert verdicts["refused"] <= CASES / 20
