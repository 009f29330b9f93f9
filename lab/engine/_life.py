# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ready server's life: serving, control at run time, the watchdog, and what SIGTERM does to it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
import typing as t

import uvicorn
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ._app import build, entries
from ._control import QuietServer, follow_file, serve_port
from ._core import Engine, grow
from ._faults import Faults
from ._http_metrics import App
from ._log import info
from ._metrics import EngineMetrics
from ._server import Receive, Scope, Send, Server
from ._settings import Settings
from ._tokens import Tokenizer
from ._truth import Truth

_IDLE_STOP = 0.3  # seconds that vLLM takes to stop an idle engine


class Stall:
    """The fault in which the process is alive, accepts connections and answers nothing."""

    def __init__(self, app: App, faults: Faults) -> None:
        self.app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while self._faults.stalled and scope["type"] == "http":
            await asyncio.sleep(0.05)
        await self.app(scope, receive, send)


def assemble(settings: Settings, faults: Faults) -> Server:
    registry = CollectorRegistry()
    GCCollector(registry=registry)
    PlatformCollector(registry=registry)
    ProcessCollector(registry=registry)
    metrics = EngineMetrics(settings, registry)
    engine = Engine(settings, faults, metrics, Truth(faults.truth))
    return Server(settings, faults, engine, registry, Tokenizer(), list(settings.adapters))


def serve(settings: Settings, faults: Faults, listener: socket.socket) -> int:
    asyncio.run(_serve(settings, faults, listener))
    return 0


async def _serve(settings: Settings, faults: Faults, listener: socket.socket) -> None:
    server = assemble(settings, faults)
    args = settings.args
    config = uvicorn.Config(
        t.cast(t.Any, Stall(build(server), faults)),
        http="httptools",
        loop="asyncio",
        ws="none",
        access_log=False,
        log_level=args.uvicorn_log_level or "info",
        timeout_keep_alive=settings.keep_alive,
        root_path=args.root_path or "",
        ssl_keyfile=args.ssl_keyfile,
        ssl_certfile=args.ssl_certfile,
    )
    info("launcher.py:186", "Available routes are:")
    for path, methods, _ in entries(server):
        info("launcher.py:195", f"Route: {path}, Methods: {', '.join(methods.split())}")
    http = QuietServer(config)
    life = Life(server, http)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, life.stop_asked.set)
    gc.freeze()  # what was imported never dies: the collector need not look at it again
    tasks = [asyncio.create_task(work) for work in life.chores()]
    await http.serve(sockets=[listener])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Life:
    def __init__(self, server: Server, http: uvicorn.Server) -> None:
        self._server = server
        self._http = http
        self._engine = server.engine
        self._faults = server.faults
        self.stop_asked = asyncio.Event()

    def chores(self) -> t.Iterator[t.Coroutine[t.Any, t.Any, None]]:
        yield self._shutdown()
        yield self._watchdog()
        yield self._leave_after_500()
        yield self._timed_faults()
        yield self._statistics()
        if self._faults.control:
            yield follow_file(self._server)
        if self._faults.control_port:
            yield serve_port(self._server)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def _shutdown(self) -> None:
        await self.stop_asked.wait()
        timeout = self._server.settings.shutdown_timeout
        info("launcher.py:237", "[shutdown] API server: shutdown triggered")
        mode = "drain" if timeout else "abort"
        info("launcher.py:254", f"[shutdown] API server: stopping engine client mode={mode} timeout={timeout}s")
        self._engine.draining = True
        if not await self._drained(timeout):
            self._kill()
        elif not self._engine.dead:
            await asyncio.sleep(_IDLE_STOP)
        info("launcher.py:265", "[shutdown] API server: signalling HTTP server shutdown")
        self._http.should_exit = True

    async def _drained(self, seconds: float) -> bool:
        """Until then /health stays 200 and the port open; new requests get a 500."""
        end = time.monotonic() + seconds
        while self._engine.admitted and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return not self._engine.admitted

    def _kill(self) -> None:
        """Work in flight when the engine is killed: vLLM races with itself and ends in one of three ways."""
        way = self._faults.sigterm
        if way == "race":
            way = self._engine.random.choices(("abort", "error", "hang"), weights=(10, 2, 5))[0]
        if way == "abort":
            self._engine.abort()
        elif way == "error":
            self._engine.die()
        else:
            self._engine.freeze()

    async def _watchdog(self) -> None:
        while True:
            await asyncio.sleep(self._faults.watchdog_seconds)
            self._leave_if_dead()

    async def _leave_after_500(self) -> None:
        await self._engine.answered_500.wait()
        self._leave_if_dead()

    def _leave_if_dead(self) -> None:
        if self._engine.dead and not self._server.settings.keep_on_death:
            self._http.should_exit = True

    # -- what a test asked for -------------------------------------------------------------------------------------

    async def _timed_faults(self) -> None:
        held: list[bytearray] = []
        period = 0.1
        while True:
            await asyncio.sleep(period)
            grow(self._faults, held, period)
            if 0 <= self._faults.dead_after <= time.monotonic() - self._engine.ready_at:
                self._engine.die()

    async def _statistics(self) -> None:
        interval = float(os.environ.get("VLLM_LOG_STATS_INTERVAL") or 10)
        before = (0, 0)
        idle = True
        while not self._server.settings.args.disable_log_stats:
            await asyncio.sleep(interval)
            now = (self._engine.prompt_total, self._engine.token_total)
            rates = [(new - old) / interval for new, old in zip(now, before, strict=True)]
            if any(rates) or not idle:
                info("loggers.py:335", self._statistics_line(rates))
            idle, before = not any(rates), now

    def _statistics_line(self, rates: list[float]) -> str:
        used = 100 * self._engine.kv_used / self._server.settings.kv_tokens
        return (
            f"Engine 000: Avg prompt throughput: {rates[0]:.1f} tokens/s, Avg generation throughput: {rates[1]:.1f} tokens/s, "
            f"Running: {self._engine.running} reqs, Waiting: {self._engine.waiting} reqs, GPU KV cache usage: {used:.1f}%, Prefix cache hit rate: 0.0%"
        )
