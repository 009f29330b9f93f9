# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks a router until what it answers is what the registry says, so often in a row that every replica of it knows."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline, backoff
from .._errors import DeadlineError, Error
from ..endpoint import _bodies
from ..endpoint._errors import ProbeError
from ..endpoint._http import Session, Way
from ._decide import REVISION_HEADER, Expected, Seen, failed, judged

PROMPT = "Say OK."
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class RoutingError(Error):
    """The router does not follow; ``proof`` is what was seen."""

    code = "not_routed"

    def __init__(self, message: str, proof: Proof) -> None:
        super().__init__(message, result=seen(proof))
        self.proof = proof


@dataclasses.dataclass(frozen=True)
class Asking:
    """``consecutive`` right answers are needed, each over a connection of its own; times in seconds."""

    way: Way
    expected: Expected
    key: str = dataclasses.field(default="", repr=False)
    consecutive: int = 3
    request_seconds: float = 10.0
    progress_seconds: float = 15.0


@dataclasses.dataclass
class Proof:
    """``first_right`` is ``time.monotonic()`` of the first right answer of the last row of them; ``waited`` is from the start to it."""

    requests: int = 0
    row: int = 0
    first_right: float = 0.0
    waited: float = 0.0
    last: Seen | None = None

    def count(self, seen: Seen, start: float) -> None:
        self.requests, self.last = self.requests + 1, seen
        if seen.kind != "right":
            self.row = 0
            return
        if self.row == 0:
            self.first_right = time.monotonic()
            self.waited = self.first_right - start
        self.row += 1


def prove(asking: Asking, deadline: Deadline, say: t.Callable[[str], None], sleep: t.Callable[[float], None] = time.sleep) -> Proof:
    proof, start, told, line = Proof(), time.monotonic(), float("-inf"), ""
    pauses = backoff(FIRST_PAUSE, LONGEST_PAUSE)
    while True:
        seen = ask(asking, deadline)
        proof.count(seen, start)
        if proof.row >= asking.consecutive:
            return proof
        if seen.kind == "permanent":
            raise RoutingError(f"{asking.way.where} will not show {asking.expected.words()}: {seen.line}", proof)
        if seen.kind == "right":
            continue  # the next of the row at once
        if seen.line != line or time.monotonic() - told >= asking.progress_seconds:
            told, line = time.monotonic(), seen.line
            say(f"waiting for {asking.expected.words()} at {asking.way.where}, {deadline.elapsed():.0f} s: {seen.line}")
        pause = next(pauses)
        if deadline.remaining() <= pause:
            raise RoutingError(_late(asking, deadline, proof), proof)
        sleep(pause)


def ask(asking: Asking, deadline: Deadline) -> Seen:
    """One tiny request over a connection of its own: what balances between the router's replicas balances connections."""
    expected = asking.expected
    session = Session(asking.way, asking.key)
    try:
        seconds = deadline.limit(asking.request_seconds, "the proof")
        body = _bodies.body(expected.kind, expected.model, PROMPT, 1)
        return judged(expected, session.ask("POST", _bodies.PATHS[expected.kind], body, seconds=seconds))
    except DeadlineError:
        return Seen("wrong", "no time left for another request")
    except ProbeError as error:
        return failed(error)
    finally:
        session.close()


def _late(asking: Asking, deadline: Deadline, proof: Proof) -> str:
    last = proof.last.line if proof.last else "nothing"
    return (
        f"{asking.way.where} did not show {asking.expected.words()} {asking.consecutive} times in a row within {deadline.seconds:g} s; seen last, "
        f"after {proof.requests} requests: {last}. See whether the router follows the registry (its log, and that it reads the same database and environment)"
    )


def by_name(revision: str) -> dict[str, str]:
    """The header that asks for one revision, whatever its share."""
    return {REVISION_HEADER: revision}


def seen(proof: Proof) -> dict[str, t.Any]:
    """What was seen, as the module returns it."""
    last = dataclasses.asdict(proof.last) if proof.last else None
    return {"requests": proof.requests, "consecutive": proof.row, "waited": round(proof.waited, 3), "last": last}
