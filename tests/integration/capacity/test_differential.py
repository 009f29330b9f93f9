"""The module's answer against what the real kube-scheduler does. ``CASES`` and ``SEED`` in the environment change the run."""

from __future__ import annotations

import collections
import os

from .differential._compare import Bench, prepare
from .differential._generate import case
from .differential._plane import admin, plane

CASES, SEED = int(os.environ.get("CASES", "300")), int(os.environ.get("SEED", "1"))


def test_the_module_and_the_scheduler_agree_on_every_case() -> None:
    fits: collections.Counter[str] = collections.Counter()
    with plane() as lab:
        api = admin(lab)
        prepare(api)
        bench = Bench(api)
        for number in range(CASES):
            made = case(SEED, number)
            outcome = bench.outcome(made)
            fits[outcome.fits] += 1
            again = f"python -m tests.integration.capacity.differential --seed {SEED} --first {number} --cases 1"
            assert outcome.agrees, f"{outcome}; for the smallest such case run: {again}"
            assert outcome.fits != "unknown" or _has_rules(made.template), f"{outcome.said} has no rule that could leave it open; see {again}"
    print(f"seed {SEED}: {CASES} cases agree, {dict(fits)}")
    assert fits["unknown"] <= CASES / 100
    # A generator of one kind of case would prove little.
    assert min(fits["true"], fits["false"]) >= CASES / 10 or CASES < 100
    assert fits["refused"] <= CASES / 20 or CASES < 100


def _has_rules(template: dict[str, object]) -> bool:
    spec = template["spec"]
    assert isinstance(spec, dict)
    return any(key in (spec.get("affinity") or {}) for key in ("podAffinity", "podAntiAffinity")) or "topologySpreadConstraints" in spec
