"""``python -m tests.integration.capacity.differential --cases 10000 --seed 7``: the module against the real scheduler.

Cases that agreed are not run again when the same command is given again: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import sys
import time
import typing as t

from ._campaign import Book, spread, work
from ._generate import Json, case, plain

REPORT_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to come back to one that disagreed")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes, each with a control plane of its own")
    parser.add_argument("--again", action="store_true", help="run also what agreed before")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first disagreement")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    # The control planes end with us, also when we are told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.worker:
        for outcome in work(options.seed, json.load(sys.stdin)):
            print(json.dumps(outcome), flush=True)
        return 0
    return _campaign(options)


def _campaign(options: argparse.Namespace) -> int:
    book = Book(options.seed)
    known = {} if options.again else book.read()
    numbers = range(options.first, options.first + options.cases)
    outcomes = [known[number] for number in numbers if number in known]
    if outcomes:
        print(f"{len(outcomes)} cases agreed in an earlier run of the same code ({book.path}); --again runs them too", flush=True)
    left = [number for number in numbers if number not in known]
    began = reported = time.monotonic()
    for outcome in spread(options.seed, left, max(1, min(options.workers, len(left)))):
        book.write(outcome)
        outcomes.append(outcome)
        _tell(options.seed, outcome, sum(each["verdict"] == "refused" for each in outcomes))
        if not (outcome["agrees"] or options.keep_going):
            break
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            print(f"{len(outcomes)} cases, {_counts(outcomes)}, {reported - began:.0f} s", flush=True)
    return _verdict(options, outcomes, time.monotonic() - began)


def _tell(seed: int, outcome: Json, refused: int) -> None:
    if outcome["refused"] and refused <= 3:
        print(f"case {outcome['number']} is no case, the API server refuses it: {outcome['refused']}", flush=True)
    if not outcome["agrees"]:
        made = outcome.pop("smallest", None)
        print(f"DISAGREEMENT, to be seen again by --seed {seed} --first {outcome['number']} --cases 1: {outcome}", flush=True)
        print(json.dumps(made, indent=1), flush=True)


def _verdict(options: argparse.Namespace, outcomes: t.Sequence[Json], seconds: float) -> int:
    """What is required: all agree, at most 1 % unknown, and none of those without a rule that could leave it open."""
    agree, unknown = sum(each["agrees"] for each in outcomes), [each for each in outcomes if each["verdict"] == "inconclusive"]
    groundless = [each["number"] for each in unknown if plain(case(options.seed, each["number"]))]
    print(f"seed {options.seed}: {_counts(outcomes)} in {seconds:.0f} s")
    print(f"agree     {agree} of {len(outcomes)} (required: all)")
    print(f"unknown   {100 * len(unknown) / max(1, len(outcomes)):.2f} % (required: at most 1 %)")
    print(f"unknown where only resources, selectors, taints and readiness decide: {groundless or 'none'} (required: none)")
    enough = len(outcomes) == options.cases and agree == len(outcomes)
    return 0 if enough and len(unknown) <= max(1, len(outcomes) / 100) and not groundless else 1


def _counts(outcomes: t.Sequence[Json]) -> dict[str, int]:
    return dict(sorted(collections.Counter(f"{each['verdict']}" for each in outcomes).items()))


if __name__ == "__main__":
    sys.exit(main())
