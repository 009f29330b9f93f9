# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulation costs: ``make bench NAME=engine`` prints short chat requests a second for one core.

The figure is requests divided by the processor time that the server's process took, in the best of some rounds: what shares the core and
its caches can only make a round dearer. The client is a process of its own, with its own processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import pathlib
import statistics
import sys
import tempfile
import time

from ..engine._api import Api, launch

LIMIT = 2000
ROUNDS = 20
QUICK = {"LAB_ENGINE_TTFT_MS": "0", "LAB_ENGINE_ITL_MS": "0", "LAB_ENGINE_PREFILL_US": "0"}


def processor_seconds(pid: int) -> float:
    """Of the main thread, in nanoseconds: the server has no other that works."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def _worker(api: Api, request: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection(api.host, api.port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
    writer.close()


async def _load(api: Api, requests: int, connections: int) -> None:
    body = json.dumps(api.chat_body(max_tokens=4, ignore_eos=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    await asyncio.gather(*(_worker(api, head + body, requests // connections) for _ in range(connections)))


def measure(requests: int, connections: int, *arguments: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        running = launch(pathlib.Path(folder), "--served-model-name", "tiny", *arguments, environ=QUICK)
        try:
            api = running.ready()
            asyncio.run(_load(api, connections * 20, connections))
            costs = []
            began = time.perf_counter()
            for _ in range(ROUNDS):
                before = processor_seconds(running.process.pid)
                asyncio.run(_load(api, requests // ROUNDS, connections))
                costs.append((processor_seconds(running.process.pid) - before) / (requests // ROUNDS))
            peak = pathlib.Path(f"/proc/{running.process.pid}/status").read_text().split("VmHWM:", 1)[1].split()[0]
            return {
                "per_core": 1 / min(costs),
                "usual": 1 / statistics.median(costs),
                "wall": requests / (time.perf_counter() - began),
                "peak_mib": int(peak) / 1024,
            }
        finally:
            running.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args()
    least = math.inf
    for label, arguments in (("with access log", []), ("without access log", ["--disable-uvicorn-access-log"])):
        found = measure(chosen.requests, chosen.connections, *arguments)
        speed = f"{found['per_core']:.0f} requests/s of one core, {found['usual']:.0f} in the median round"
        print(f"{label}: {speed}, {found['wall']:.0f}/s wall, peak {found['peak_mib']:.1f} MiB")
        least = min(least, found["per_core"])
    print(f"limit: {LIMIT} requests/s of one core: {'kept' if least >= LIMIT else 'MISSED'}")
    return int(least < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
