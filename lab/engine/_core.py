# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine without a model: slots, a queue, a pace, and the ways in which it can die."""

from __future__ import annotations

import asyncio
import os
import random
import time

from ._errors import Aborted, ApiError, EngineDead, busy
from ._faults import Faults
from ._log import error
from ._metrics import EngineMetrics
from ._sequence import Sequence
from ._settings import Settings
from ._slots import Slots, Waits
from ._tokens import words
from ._truth import Truth


class Engine:
    def __init__(self, settings: Settings, faults: Faults, metrics: EngineMetrics, truth: Truth) -> None:
        self.settings = settings
        self.faults = faults
        self.metrics = metrics
        self.truth = truth
        self.random = random.Random(faults.seed)
        self.dead = False
        self.draining = False
        self.answered_500 = asyncio.Event()
        self.generations = 0
        self.ready_at = time.monotonic()
        self.admitted = 0
        self.kv_used = 0
        self.prompt_total = 0
        self.token_total = 0
        metrics.follow(lambda: self.running, lambda: self.waiting, lambda: min(1.0, self.kv_used / settings.kv_tokens))
        self._waits = Waits()
        self._slots = Slots(settings.max_num_seqs, self._waits)

    @property
    def running(self) -> int:
        return self._slots.running

    @property
    def waiting(self) -> int:
        return self._slots.waiting

    # -- admission -------------------------------------------------------------------------------------------------

    def admit(self, count: int) -> None:
        """``--max-num-queued-reqs`` bounds what runs and waits together; a request with n counts n times."""
        if self.dead:
            raise EngineDead
        if self.draining:
            raise ApiError(500, "cannot schedule new futures after shutdown", "InternalServerError")
        limit = self.settings.args.max_num_queued_reqs
        if limit is not None and self.admitted + count > limit:
            self.metrics.rejected("max_num_queued_reqs")
            raise busy()
        if self.faults.error_rate and self.random.random() < self.faults.error_rate:
            raise ApiError(500, "Internal server error", "InternalServerError")
        self.admitted += count

    def release(self, count: int) -> None:
        self.admitted -= count

    def plan(self, request_id: str, prompt_tokens: int, max_tokens: int, seed: int | None, to_the_end: bool) -> Sequence:
        """Decides the answer before it is made: a seed gives the same words, the end comes where a model would stop."""
        natural = max_tokens if to_the_end else max(1, round(self.faults.output_tokens.sample(self.random)))
        count = min(max_tokens, natural)
        text = words(self.random.getrandbits(32) if seed is None else seed, count)
        endless = self.faults.stream_fault == "endless"
        finish = "stop" if natural <= max_tokens and not to_the_end else "length"
        return Sequence(request_id, prompt_tokens, max_tokens, text, finish, arrival=time.monotonic(), endless=endless)

    # -- generation ------------------------------------------------------------------------------------------------

    async def start(self, sequence: Sequence) -> None:
        """Waits for a slot and for the first token."""
        await self._slots.enter()
        self.kv_used += sequence.prompt_tokens
        sequence.scheduled = time.monotonic()
        try:
            self._break_if_asked()
            self._pace(sequence)
            await self._waits.pause(sequence.ttft)
        except BaseException:
            self._leave(sequence)
            raise
        sequence.first = sequence.last = time.monotonic()
        sequence.made = 1
        self.prompt_total += sequence.prompt_tokens
        self.token_total += 1
        self.metrics.first_token(sequence)

    async def step(self, sequence: Sequence) -> None:
        """One more token, for those who watch it come."""
        if sequence.endless and sequence.made >= len(sequence.words):
            sequence.words.extend(words(sequence.made, 64))
            sequence.steps.extend(self._step_times(64))
        await self._waits.pause(sequence.steps[sequence.made - 1])
        self._token(sequence)

    async def run_out(self, sequence: Sequence) -> None:
        """All remaining tokens in one wait, for those who only want the end."""
        rest = sequence.steps[sequence.made - 1 : len(sequence.words) - 1]
        began = time.monotonic()
        try:
            if rest:
                await self._waits.pause(sum(rest))
        except BaseException:
            self._catch_up(sequence, time.monotonic() - began)
            raise
        while sequence.made < len(sequence.words):
            self._token(sequence)

    def _catch_up(self, sequence: Sequence, elapsed: float) -> None:
        for seconds in sequence.steps[sequence.made - 1 : len(sequence.words) - 1]:
            elapsed -= seconds
            if elapsed < 0:
                return
            self._token(sequence)

    def _token(self, sequence: Sequence) -> None:
        sequence.made += 1
        self.token_total += 1
        now = time.monotonic()
        if self.truth.wanted and sequence.last is not None:
            sequence.gaps.append(now - sequence.last)
        sequence.last = now
        self.metrics.token(sequence.steps[sequence.made - 2])

    def _pace(self, sequence: Sequence) -> None:
        slow = self._slowness()
        sequence.ttft = slow * (self.faults.ttft_ms.sample(self.random) / 1e3 + self.faults.prefill_us * sequence.prompt_tokens / 1e6)
        sequence.steps = self._step_times(max(0, len(sequence.words) - 1))

    def _step_times(self, count: int) -> list[float]:
        slow = self._slowness() / 1e3
        return [slow * self.faults.itl_ms.sample(self.random) for _ in range(count)]

    def _slowness(self) -> float:
        late = time.monotonic() - self.ready_at >= self.faults.slow_after
        return self.faults.slow_factor if late else 1.0

    def finish(self, sequence: Sequence, outcome: str, stream: bool = False) -> None:
        """Called once for every sequence that started: outcome is a finish reason, ``disconnected`` or ``dead``."""
        self._leave(sequence)
        if outcome in ("stop", "length", "abort"):
            self.generations += 1
            self.metrics.finished(sequence, outcome)
        self.note(sequence, outcome, stream)

    def note(self, sequence: Sequence, outcome: str, stream: bool) -> None:
        if self.truth.wanted:
            self.truth.write(sequence.record(self.truth.wall, outcome, stream))

    def _leave(self, sequence: Sequence) -> None:
        self.kv_used -= sequence.prompt_tokens
        self._slots.leave()

    # -- death -----------------------------------------------------------------------------------------------------

    def _break_if_asked(self) -> None:
        if 0 <= self.faults.broken_after <= self.generations:
            error("core.py:1512", "EngineCore encountered a fatal error.\nTraceback (most recent call last):", "EngineCore")
            error("core.py:1512", "ValueError: Unsupported head dim: 16", "EngineCore")
            self.die()
            raise EngineDead

    def die(self) -> None:
        """As when a worker or EngineCore is killed: everything in flight fails, nothing new is taken."""
        if self.dead:
            return
        self.dead = True
        error("multiproc_executor.py:315", "Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor.", "EngineCore")
        error("async_llm.py:812", "AsyncLLM output_handler failed.\nvllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.")
        self._waits.throw(EngineDead)

    def abort(self) -> None:
        self._waits.throw(Aborted)

    def freeze(self) -> None:
        self._waits.freeze()


def grow(faults: Faults, held: list[bytearray], seconds: float) -> None:
    """The memory fault: takes pages and touches them, up to the cap that protects the machine."""
    size = int(faults.memory_mb_per_second * seconds * 1024 * 1024)
    if size > 0 and sum(map(len, held)) + size <= faults.memory_max_mb * 1024 * 1024:
        block = bytearray(size)
        block[:: os.sysconf("SC_PAGE_SIZE")] = b"\1" * len(range(0, size, os.sysconf("SC_PAGE_SIZE")))
        held.append(block)
