# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Many timed requests: closed loop (so many at a time) or open loop (so many a second, whatever the server does)."""

from __future__ import annotations

import dataclasses
import itertools
import random
import threading
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from . import _bodies, _stream
from ._errors import ProbeError, held
from ._http import HttpSession
from ._stream import Ask, Sample

Progress = t.Callable[[int, int, int], None]  # done, wanted, failed


@dataclasses.dataclass(frozen=True)
class Load:
    """How many requests, and how they are sent. ``rate`` is requests a second (Poisson, by ``seed``) or 0 for a closed loop; ``duration`` ends it in seconds.

    ``words``: each request gets a prompt of its own of so many words, instead of the one that all share.
    """

    samples: int
    concurrency: int = 1
    warmup: int | None = None
    rate: float = 0.0
    duration: float = 0.0
    seed: int = 0
    words: int = 0

    def ask(self, ask: Ask, number: int) -> Ask:
        """The request of that number; the same seed asks the same things in the same order."""
        return dataclasses.replace(ask, prompt=_bodies.words(self.words, self.seed * 1_000_003 + number)) if self.words else ask

    @property
    def warmups(self) -> int:
        # At the run's own concurrency: fewer leave the first batches of that size cold.
        return max(2, self.concurrency) if self.warmup is None else self.warmup


@dataclasses.dataclass
class Run:
    """The samples of a load. ``cpu_share`` is the prober's own use of one core; when it is high, the latencies are partly the prober's."""

    samples: list[Sample]
    wall: float
    cpu: float
    warmups: int = 0
    unsent: int = 0

    @property
    def cpu_share(self) -> float:
        return self.cpu / self.wall if self.wall > 0 else 0.0


class _Turns:
    """Hands out the starts of requests to the workers, in order."""

    def __init__(self, load: Load, deadline: Deadline, wanted: int, rate: float) -> None:
        self._lock = threading.Lock()
        self._left = wanted
        self._number = 0
        self._deadline = deadline
        self._random = random.Random(load.seed)
        self._rate = rate
        self._begin = self._next = time.perf_counter()
        self._until = self._begin + load.duration if load.duration else float("inf")

    def next(self) -> tuple[float, int] | None:
        """When the next request is to start, and its number; None when there are no more."""
        with self._lock:
            start = self._next if self._rate else time.perf_counter()
            if self._left <= 0 or start >= self._until or self._deadline.expired():
                return None
            self._left -= 1
            self._number += 1
            if self._rate:
                # From the last schedule, not from now: a slow server must not slow the offered load.
                self._next += self._random.expovariate(self._rate)
            return start, self._number

    @property
    def left(self) -> int:
        return self._left


def run(workers: t.Sequence[t.Sequence[HttpSession]], ask: Ask, load: Load, deadline: Deadline, progress: Progress | None = None) -> Run:
    """Each worker uses its sessions in turn. Warm-up requests are thrown away, with their errors: the run itself will show those that stay."""
    warmups = load.warmups
    if warmups:
        _all(workers, ask, load, _Turns(load, deadline, warmups, 0.0), deadline, None)
    wanted = load.samples
    turns = _Turns(load, deadline, wanted, load.rate)
    tell = None if progress is None else lambda samples: progress(len(samples), wanted, sum(1 for sample in samples if sample.error))
    if progress is not None:
        progress(0, wanted, 0)
    start, cpu = time.perf_counter(), time.process_time()
    done = _all(workers, ask, load, turns, deadline, tell)
    return Run(done, time.perf_counter() - start, time.process_time() - cpu, warmups, 0 if load.duration else turns.left)


def _all(
    workers: t.Sequence[t.Sequence[HttpSession]], ask: Ask, load: Load, turns: _Turns, deadline: Deadline, tell: t.Callable[[list[Sample]], None] | None
) -> list[Sample]:
    done: list[Sample] = []
    broken: list[BaseException] = []

    def work(sessions: t.Sequence[HttpSession]) -> None:
        turn = itertools.cycle(sessions)
        try:
            while not broken and (due := turns.next()) is not None:
                time.sleep(max(0.0, min(due[0] - time.perf_counter(), deadline.remaining())))
                done.append(_one(next(turn), load.ask(ask, due[1]), due[0], deadline))
                if tell is not None:
                    tell(done)
        except BaseException as error:  # raised in the caller's thread below; this thread would only print it
            broken.append(error)

    if len(workers) == 1:
        work(workers[0])
    else:
        threads = [threading.Thread(target=work, args=(sessions,), daemon=True) for sessions in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if broken:
        raise broken[0]
    return done


def _one(session: HttpSession, ask: Ask, start: float, deadline: Deadline) -> Sample:
    """One request's sample. A request that was lost with its transport is sent again: it says nothing about the server."""
    return held(lambda: _sample(session, ask, start, deadline))


def _sample(session: HttpSession, ask: Ask, start: float, deadline: Deadline) -> Sample:
    sample = Sample(start, sent=time.perf_counter())
    try:
        limited = dataclasses.replace(ask, seconds=deadline.limit(ask.seconds, ask.what))
        (_stream.plain if ask.kind == "embedding" else _stream.stream)(session, limited, sample)
    except ProbeError as error:
        sample.error, sample.message, sample.latency = error.kind, str(error), None
    except DeadlineError as error:
        sample.error, sample.message = "timeout", str(error)
    if not sample.end:
        sample.end = time.perf_counter()
    return sample
