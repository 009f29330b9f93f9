# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Holds the release lock for as long as one process works on the release, whatever its neighbors do.

A thread renews the lease every third of its duration. When it could not for a whole duration, or somebody else holds the lease, or the
playbook's own process has ended, the lock counts as lost: what runs is canceled, and every further step is refused.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import typing as t

from .._deadline import Deadline
from .._errors import Error
from .._spec import Context
from ..cluster._client import Client
from ..cluster._connection import Connection
from . import _holder
from ._lock import LeaseLostError, Lock

NAME = "inference-vllm-{release}"
CALL_SECONDS = 15.0
TICK_SECONDS = 1.0


def call_seconds(duration: float) -> float:
    """For one renewal: several must fit into the duration."""
    return min(CALL_SECONDS, duration / 8)


class Keeper:
    """``check`` before every write: it renews, which is the compare-and-set that tells whether the lock is still ours."""

    def __init__(self, lock: Lock, duration: int, *, parent: int) -> None:
        self._lock = lock
        self._duration = duration
        self._parent = parent
        self._renewed = time.monotonic()
        self._lost: Error | None = None
        self._stop = threading.Event()
        self._cancels: list[t.Callable[[], None]] = []
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)

    @property
    def lease(self) -> tuple[str, str]:
        """Name of the Lease, and our identity on it."""
        return self._lock.name, self._lock.holder

    def verified(self) -> dict[str, t.Any]:
        """What the lease notes as verified last."""
        return self._lock.verified()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(CALL_SECONDS)

    def check(self, notes: t.Mapping[str, str | None] | None = None) -> None:
        """Raises LeaseLostError when the lock is not ours any more; ``notes`` are annotations to write on the lease."""
        self.raise_if_lost()
        try:
            self._renew(notes)
        except LeaseLostError as error:
            self._lose(error)
            raise

    def raise_if_lost(self) -> None:
        """What the keeper's thread has seen; costs no request."""
        if self._lost is not None:
            raise self._lost

    def on_loss(self, cancel: t.Callable[[], None]) -> None:
        """Called when the lock is lost, in whichever thread finds it out: what runs must not go on. At once when it is lost already."""
        self._cancels.append(cancel)
        if self._lost is not None:
            cancel()

    def _renew(self, notes: t.Mapping[str, str | None] | None = None) -> None:
        """Who waits counts from when the write is seen, which is after it began."""
        begun = time.monotonic()
        self._lock.renew(notes)
        self._renewed = begun

    def _keep(self) -> None:
        again = self._duration / 10
        due = time.monotonic() + self._duration / 3
        while not self._stop.wait(min(TICK_SECONDS, max(0.05, due - time.monotonic()))):
            if self._parent and os.getppid() != self._parent:
                return self._lose(LeaseLostError("the process of this playbook has ended; this task changes nothing more", code="orphaned"))
            if time.monotonic() < due:
                continue
            try:
                self._renew()
                due = time.monotonic() + self._duration / 3
            except LeaseLostError as error:
                return self._lose(error)
            except Exception as error:  # a keeper that ends unseen leaves a run that believes in its lock
                # One more attempt must end before somebody else may take the lock.
                if time.monotonic() - self._renewed >= self._duration - again - 2 * call_seconds(self._duration):
                    text = f"the lock could not be renewed for {self._duration} s, so somebody else may hold it: {error}"
                    return self._lose(LeaseLostError(text))
                due = time.monotonic() + again
        return None

    def _lose(self, error: Error) -> None:
        self._lost = error
        for cancel in self._cancels:
            with contextlib.suppress(Exception):
                cancel()


@contextlib.contextmanager
def held(connection: Connection, namespace: str, release: str, context: Context, *, reason: str, duration: int, wait: float) -> t.Iterator[Keeper]:
    """The lock of a release while the block runs; it is given back at the end, also after an error. Raises LeaseHeldError."""
    lock = Lock(
        Client(connection, Forever(call_seconds(duration)), patience=call_seconds(duration)),
        namespace,
        NAME.format(release=release),
        _holder.me(context, reason, pid=os.getpid()),
        duration=duration,
    )
    note = lock.acquire(Deadline(wait), context.say)
    if note:
        context.say(f"lock: {note}")
    keeper = Keeper(lock, duration, parent=os.getppid() if context.pid == os.getppid() else 0)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()
        with contextlib.suppress(Error):
            lock.release()


class Forever(Deadline):
    """Each call has its seconds, and there is always another one: a keeper has no end of its own."""

    def remaining(self) -> float:
        return self.seconds
