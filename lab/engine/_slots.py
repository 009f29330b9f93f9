# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in the batch and waits: what a request can stand in, and how a dying engine reaches it there."""

from __future__ import annotations

import asyncio
import collections
import typing as t

Turn = asyncio.Future[None]


class Waits:
    """Every wait of every request, so that all can be ended or frozen at once."""

    def __init__(self) -> None:
        self._timers: dict[Turn, asyncio.TimerHandle | None] = {}

    async def pause(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        done: Turn = loop.create_future()
        self._timers[done] = loop.call_later(seconds, _wake, done)
        try:
            await done
        finally:
            handle = self._timers.pop(done, None)
            if handle:
                handle.cancel()

    async def until(self, turn: Turn) -> None:
        self._timers[turn] = None
        try:
            await turn
        finally:
            self._timers.pop(turn, None)

    def throw(self, kind: t.Callable[[], BaseException]) -> None:
        for waiting in list(self._timers):
            if not waiting.done():
                waiting.set_exception(kind())

    def freeze(self) -> None:
        """No timer fires any more: who waits, waits until the client leaves."""
        for handle in self._timers.values():
            if handle:
                handle.cancel()


def _wake(done: Turn) -> None:
    if not done.done():
        done.set_result(None)


class Slots:
    """``--max-num-seqs`` places; who finds none waits in order."""

    def __init__(self, size: int, waits: Waits) -> None:
        self._size = size
        self._waits = waits
        self._queue: collections.deque[Turn] = collections.deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def enter(self) -> None:
        if self.running < self._size:
            self.running += 1
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await self._waits.until(turn)
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()
            elif turn in self._queue:
                self._queue.remove(turn)
            raise

    def leave(self) -> None:
        """The slot goes straight to the first who waits, so that nobody who comes later can slip in between."""
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self.running -= 1
