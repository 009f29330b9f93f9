# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thread that keeps a table of routes up to date. When the registry cannot be asked, the last good table holds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import typing as t

from . import _files
from ._settings import Settings
from ._source import LOST, connected
from ._table import Table

LOG = logging.getLogger("vllm_routes")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0

Told = t.Callable[[Table], None]


class Follower:
    """``told`` is called in the follower's own thread with each table that differs from the one before, the first one too."""

    def __init__(self, settings: Settings, told: Told = lambda _table: None) -> None:
        self.settings = settings
        self._told = told
        kept = _files.load(settings.state) if settings.state else None
        self._table = kept if kept and kept.environment == settings.environment else Table(settings.environment)
        self._confirmed = 0.0
        self._read = threading.Event()
        self._lost = False
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="vllm_routes")

    @property
    def table(self) -> Table:
        return self._table

    @property
    def age(self) -> float:
        """Seconds since the table was last known to be the registry's; infinite before the first time."""
        return time.monotonic() - self._confirmed if self._read.is_set() else float("inf")

    def start(self) -> Follower:
        self._thread.start()
        return self

    def wait(self, seconds: float) -> bool:
        """Whether the registry was read at least once."""
        return self._read.wait(seconds)

    def stop(self) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it ends by itself at this very moment
                self._loop.call_soon_threadsafe(lambda: self._task.cancel() if self._task else None)
            self._thread.join(self.settings.timeout + 1)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            asyncio.set_event_loop(self._loop)
            self._task = self._loop.create_task(self._follow())
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)

    async def _follow(self) -> None:
        if self._table.routes:
            LOG.info("%d routes from %s until the registry is read", len(self._table.routes), self.settings.state)
            self._tell()
        pause = FIRST_PAUSE
        while True:
            try:
                async with connected(self.settings) as source:
                    while True:
                        self._accept(Table(self.settings.environment, await source.routes()))
                        pause = FIRST_PAUSE
                        await source.changed()
            except LOST as error:
                self._cannot_ask(error)
            except Exception:
                # Whatever it is, a router that no longer follows is worse.
                LOG.exception("following stumbled, and begins anew")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _accept(self, table: Table) -> None:
        if self._lost:
            LOG.warning("the registry answers again")
            self._lost = False
        first = not self._read.is_set()
        changed = first or table != self._table
        self._table, self._confirmed = table, time.monotonic()
        if changed:
            LOG.info("%d routes of %d models in %s", len(table.routes), len(table.models), table.environment)
            self._keep()
            self._tell()
        self._read.set()

    def _cannot_ask(self, error: BaseException) -> None:
        if not self._lost:
            why = str(error).strip().splitlines()[0] if str(error).strip() else f"no answer within {self.settings.timeout:g} s"
            LOG.warning("the registry cannot be asked (%s); requests go where the last list says, which has %d routes", why, len(self._table.routes))
        self._lost = True

    def _keep(self) -> None:
        if self.settings.state:
            try:
                _files.save(self.settings.state, self._table)
            except OSError as error:
                LOG.warning("the routes cannot be kept in %s for the next start: %s", self.settings.state, error)

    def _tell(self) -> None:
        """Whoever is told may fail; following goes on."""
        try:
            self._told(self._table)
        except Exception:
            LOG.exception("the new routes could not be taken over")
