"""``python -m tests.integration.capacity.differential --cases 10000 --seed 7``: the module against the real scheduler."""

from __future__ import annotations

import argparse
import collections
import json
import signal
import sys
import time

from ._compare import Bench, prepare
from ._generate import case
from ._plane import admin, plane
from ._shrink import smallest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to come back to one that disagreed")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first disagreement")
    options = parser.parse_args()
    # The control plane ends with us, also when we are told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    counts: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    with plane() as lab:
        api = admin(lab)
        prepare(api)
        bench = Bench(api)
        for number in range(options.first, options.first + options.cases):
            outcome = bench.outcome(case(options.seed, number))
            counts["agree" if outcome.agrees else "DISAGREE"] += 1
            counts[f"fits {outcome.fits}"] += 1
            if outcome.refused and counts["fits refused"] <= 3:
                print(f"case {number} is no case, the API server refuses it: {outcome.refused}", flush=True)
            if not outcome.agrees:
                print(f"DISAGREEMENT at --seed {options.seed} --first {number} --cases 1: {outcome}", flush=True)
                found = smallest(bench, case(options.seed, number))
                print(json.dumps({"nodes": found.nodes, "pods": found.pods, "template": found.template, "replicas": found.replicas}, indent=1), flush=True)
                if not options.keep_going:
                    break
            if (number + 1 - options.first) % 500 == 0:
                print(f"{number + 1 - options.first} cases, {dict(counts)}, {time.monotonic() - began:.0f} s", flush=True)
    print(f"seed {options.seed}: {dict(counts)} in {time.monotonic() - began:.0f} s")
    return 1 if counts["DISAGREE"] else 0


if __name__ == "__main__":
    sys.exit(main())
