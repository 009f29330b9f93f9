"""A simulated engine that keeps a record of the truth."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import typing as t

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL, TOKENS = "llama-3-8b", 20
# Time to the first token, and between tokens, as in the published comparisons of load tools, but spread.
PACE = {"LAB_ENGINE_TTFT_MS": "50~0.3", "LAB_ENGINE_ITL_MS": "5~0.2", "LAB_ENGINE_PREFILL_US": "0"}
FAST = {"LAB_ENGINE_TTFT_MS": "0", "LAB_ENGINE_ITL_MS": "0", "LAB_ENGINE_PREFILL_US": "0"}

Truth = dict[str, dict[str, float]]


class Engine:
    def __init__(self, port: int, record: pathlib.Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port, self._record = port, record

    def wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.1)
        raise SystemExit("the simulated engine did not start")

    def truth(self, requests: int) -> Truth:
        """Milliseconds of the last so many streams, as they were at the server's socket: those before were a tool's warm-up."""
        lines = [json.loads(line) for line in self._record.read_text().splitlines()]
        streams = sorted((line for line in lines if line["stream"] and line["completion_tokens"] == TOKENS), key=lambda line: line["arrived"])[-requests:]
        if len(streams) != requests:
            raise SystemExit(f"the engine saw {len(streams)} whole streams of {requests}")
        seen = [line["at_socket"] for line in streams]
        values = {metric: [line[f"{metric}_seconds"] for line in seen] for metric in ("ttft", "tpot", "e2e")}
        values["itl"] = [gap for line in seen for gap in line["itl_seconds"]]
        return {metric: _percentiles(found) for metric, found in values.items()}


def _percentiles(seconds: t.Sequence[float]) -> dict[str, float]:
    return {f"p{p}": float(numpy.percentile(seconds, p)) * 1000 for p in (50, 95, 99)}


@contextlib.contextmanager
def engine(*, fast: bool = False) -> t.Iterator[Engine]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        record = pathlib.Path(folder) / "truth"
        settings = {"LAB_ENGINE_SEED": "11", "LAB_ENGINE_LOAD_SECONDS": "0", "LAB_ENGINE_MODEL": "present", "LAB_ENGINE_TRUTH": str(record)}
        command = [sys.executable, "-m", "lab.engine", "serve", "org/model", "--served-model-name", MODEL, "--port", str(port)]
        environ = {**os.environ, **settings, **(FAST if fast else PACE)}
        environ.pop("VLLM_API_KEY", None)
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        apart = _apart(process.pid)
        try:
            running = Engine(port, record)
            running.wait()
            yield running
        finally:
            os.sched_setaffinity(0, apart)
            process.kill()
            process.wait()


def _apart(server: int) -> set[int]:
    """Gives the server a processor of its own, as on its own machine, and us and our children the others; the processors that we had.

    Else the system wakes who waits for an answer on the processor of who sends it, and there it waits until that one is done.
    """
    ours = os.sched_getaffinity(0)
    if len(ours) > 1:
        own = min(ours)
        os.sched_setaffinity(server, {own})
        os.sched_setaffinity(0, ours - {own})
    return ours
