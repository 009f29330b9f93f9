# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks a router until it answers as the registry says, so often in a row that every replica must follow."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline, backoff
from .._errors import DeadlineError, Error
from ..endpoint import _bodies
from ..endpoint._errors import ProbeError
from ..endpoint._http import HttpSession, Transport
from ._decide import REVISION_HEADER, Expected, RouterAnswer, failed, judged

PROMPT = "Say OK."
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class RoutingError(Error):
    """The router does not follow; ``proof`` is what was seen."""

    code = "not_routed"

    def __init__(self, message: str, proof: Proof) -> None:
        super().__init__(message, result=report(proof))
        self.proof = proof


@dataclasses.dataclass(frozen=True)
class Asking:
    """``consecutive`` right answers are needed, each over a connection of its own; times in seconds."""

    transport: Transport
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
    last: RouterAnswer | None = None

    def count(self, answer: RouterAnswer, start: float) -> None:
        self.requests, self.last = self.requests + 1, answer
        if answer.verdict != "pass":
            self.row = 0
            return
        if self.row == 0:
            self.first_right = time.monotonic()
            self.waited = self.first_right - start
        self.row += 1


def prove(asking: Asking, deadline: Deadline, say: t.Callable[[str], None], sleep: t.Callable[[float], None] = time.sleep) -> Proof:
    proof, start, announced, line = Proof(), time.monotonic(), float("-inf"), ""
    pauses = backoff(FIRST_PAUSE, LONGEST_PAUSE)
    while True:
        answer = ask(asking, deadline)
        proof.count(answer, start)
        if proof.row >= asking.consecutive:
            return proof
        if answer.verdict == "fail":
            raise RoutingError(f"{asking.transport.where}: waiting for {asking.expected.words()} cannot help: {answer.line}", proof)
        if answer.verdict == "pass":
            continue  # the next of the row at once
        if answer.line != line or time.monotonic() - announced >= asking.progress_seconds:
            announced, line = time.monotonic(), answer.line
            say(f"waiting for {asking.expected.words()} at {asking.transport.where}, {deadline.elapsed():.0f} s: {answer.line}")
        pause = next(pauses)
        if deadline.remaining() <= pause:
            raise RoutingError(_late(asking, deadline, proof), proof)
        sleep(pause)


def ask(asking: Asking, deadline: Deadline) -> RouterAnswer:
    """One tiny request over a connection of its own: what balances between the router's replicas balances connections."""
    expected = asking.expected
    session = HttpSession(asking.transport, asking.key)
    try:
        seconds = deadline.limit(asking.request_seconds, "the proof")
        body = _bodies.body(expected.kind, expected.model, PROMPT, 1)
        return judged(expected, session.ask("POST", _bodies.PATHS[expected.kind], body, seconds=seconds))
    except DeadlineError:
        return RouterAnswer("inconclusive", "no time left for another request", code="timeout")
    except ProbeError as error:
        return failed(error)
    finally:
        session.close()


def _late(asking: Asking, deadline: Deadline, proof: Proof) -> str:
    last = proof.last.line if proof.last else "nothing"
    wanted = f"{asking.expected.words()}, {asking.consecutive} times in a row"
    return (
        f"{asking.transport.where}: waited {deadline.seconds:g} s for {wanted}; last seen, after {proof.requests} requests: {last}. "
        "Check that the router follows the registry: its log, and that it reads the same database and environment"
    )


def by_name(revision: str) -> dict[str, str]:
    """The header that asks for one revision, whatever its share."""
    return {REVISION_HEADER: revision}


def report(proof: Proof) -> dict[str, t.Any]:
    """The proof as the module returns it."""
    last = dataclasses.asdict(proof.last) if proof.last else None
    return {"requests": proof.requests, "consecutive": proof.row, "waited": round(proof.waited, 3), "last": last}
