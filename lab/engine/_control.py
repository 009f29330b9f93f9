# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults changed while the server runs: by a JSON file that is watched, or by a port on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import typing as t

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ._faults import FIELDS, Faults
from ._log import error
from ._server import Server

_PERIOD = 0.05


def apply(server: Server, wishes: t.Any) -> dict[str, t.Any]:
    """All or nothing; ``dead`` kills the engine. Raises ValueError with a sentence."""
    if not isinstance(wishes, dict):
        raise ValueError('the control takes a JSON object such as {"error_rate": 0.5}')
    trial = Faults()
    for name, value in wishes.items():
        if name in Faults.START_ONLY:
            raise ValueError(f"{name} is only read at start")
        if name != "dead":
            trial.set(name, value)
    for name, value in wishes.items():
        if name != "dead":
            server.faults.set(name, value)
    if wishes.get("dead"):
        server.engine.die()
    return state(server)


def state(server: Server) -> dict[str, t.Any]:
    engine = server.engine
    view = {name: value for name, value in ((name, getattr(server.faults, name)) for name in sorted(FIELDS)) if name not in Faults.START_ONLY}
    plain = {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in view.items()}
    return plain | {"dead": engine.dead, "running": engine.running, "waiting": engine.waiting, "generations": engine.generations}


async def follow_file(server: Server) -> None:
    path = pathlib.Path(server.faults.control)
    seen: tuple[int, int] | None = None
    while True:
        with contextlib.suppress(OSError):
            status = path.stat()
            now = (status.st_mtime_ns, status.st_size)
            if now != seen:
                seen = now
                _apply_text(server, path.read_text())
        await asyncio.sleep(_PERIOD)


def _apply_text(server: Server, text: str) -> None:
    if not text.strip():
        return
    try:
        apply(server, json.loads(text))
    except ValueError as caught:
        error("lab", f"LAB_ENGINE_CONTROL: {caught}")


class QuietServer(uvicorn.Server):
    """Leaves signals to whoever owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> t.Generator[None, None, None]:
        yield


async def serve_port(server: Server) -> None:
    async def control(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(state(server))
        try:
            return JSONResponse(apply(server, json.loads(await request.body())))
        except ValueError as caught:
            return JSONResponse({"error": str(caught)}, 400)

    app = Starlette(routes=[Route("/", control, methods=["GET", "POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=server.faults.control_port, http="httptools", ws="none", lifespan="off", log_level="error")
    await QuietServer(config).serve()
