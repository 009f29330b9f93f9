# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small HTTP client and a way to start servers, the same for the simulated engine and for a real one."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.parse

from ._fork import Forked

ROOT = pathlib.Path(__file__).resolve().parents[3]
READY_SECONDS = float(os.environ.get("ENGINE_READY_SECONDS") or 120)
# A real server on a machine that starts it this much more slowly ends, and says things, as much later.
PATIENCE = max(1.0, READY_SECONDS / 120)
SIMULATION = [sys.executable, "-m", "lab.engine"]
HELLO = [{"role": "user", "content": "hello world"}]


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> t.Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self.json["error"])

    @property
    def events(self) -> list[str]:
        """The payloads of the ``data:`` lines."""
        return [line.removeprefix("data: ") for line in self.text.split("\n") if line.startswith("data: ")]

    @property
    def chunks(self) -> list[dict[str, t.Any]]:
        return [json.loads(item) for item in self.events if item != "[DONE]"]


@dataclasses.dataclass(frozen=True)
class Api:
    host: str
    port: int
    model: str = "tiny"
    limit: int = 2048

    @classmethod
    def at(cls, url: str) -> Api:
        place = urllib.parse.urlsplit(url)
        bare = cls(place.hostname or "127.0.0.1", place.port or 80)
        card = bare.get("/v1/models").json["data"][0]
        return dataclasses.replace(bare, model=card["id"], limit=card["max_model_len"])

    def connect(self, timeout: float = 60.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def send(self, method: str, path: str, body: t.Any = None, headers: t.Mapping[str, str] | None = None, timeout: float = 60.0) -> Reply:
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if raw is None else {"Content-Type": "application/json"}
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request(method, path, raw, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def get(self, path: str, **more: t.Any) -> Reply:
        return self.send("GET", path, **more)

    def post(self, path: str, body: t.Any = None, **more: t.Any) -> Reply:
        return self.send("POST", path, body, **more)

    def chat(self, **fields: t.Any) -> Reply:
        return self.post("/v1/chat/completions", self.chat_body(**fields))

    def chat_body(self, **fields: t.Any) -> dict[str, t.Any]:
        return {"model": self.model, "messages": HELLO, "max_tokens": 3, "temperature": 0, **fields}

    def complete(self, **fields: t.Any) -> Reply:
        return self.post("/v1/completions", {"model": self.model, "prompt": "hello", "max_tokens": 3, "temperature": 0, **fields})

    def metrics(self) -> Metrics:
        return Metrics(self.get("/metrics").text)


class Metrics:
    """One scrape; a series that is not there is ``None``, not 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types = {parts[2]: parts[3] for parts in (line.split() for line in text.splitlines() if line.startswith("# TYPE "))}
        self._series = [_series(line) for line in text.splitlines() if line and not line.startswith("#")]

    def values(self, name: str, **labels: str) -> list[float]:
        return [value for found, given, value in self._series if found == name and labels.items() <= given.items()]

    def value(self, name: str, **labels: str) -> float | None:
        found = self.values(name, **labels)
        return sum(found) if found else None

    def labels(self, name: str) -> list[dict[str, str]]:
        return [given for found, given, _ in self._series if found == name]

    def bounds(self, name: str) -> list[float]:
        found = self.labels(f"{name}_bucket")
        first = {key: value for key, value in found[0].items() if key != "le"}
        return [float(given["le"]) for given in found if first.items() <= given.items() and given["le"] != "+Inf"]


def _series(line: str) -> tuple[str, dict[str, str], float]:
    head, _, value = line.rpartition(" ")
    name, _, inside = head.partition("{")
    return name, dict(re.findall(r'(\w+)="([^"]*)"', inside)), float(value)


def until(met: t.Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclasses.dataclass
class Running:
    """A started server; ``log`` holds both of its outputs."""

    process: subprocess.Popen[bytes] | Forked
    port: int
    log: pathlib.Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def ready(self) -> Api:
        seconds = READY_SECONDS
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.wait()}:\n{self.output[-3000:]}")
            with contextlib.suppress(OSError):
                if Api("127.0.0.1", self.port).get("/health", timeout=5).status == 200:
                    return Api("127.0.0.1", self.port)
            time.sleep(0.02)
        raise AssertionError(f"not ready within {seconds} s:\n{self.output[-3000:]}")

    def until(self, words: str, seconds: float = 60) -> None:
        """Until it has said so."""
        end = time.monotonic() + seconds * PATIENCE
        while words not in self.output:
            assert time.monotonic() < end, self.output
            time.sleep(0.02)

    def refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except ConnectionRefusedError:
            return True
        return False

    def wait(self, seconds: float) -> int:
        return self.process.wait(seconds * PATIENCE)

    def stop(self) -> None:
        """A real server's helpers too: they would outlive it."""
        if isinstance(self.process, subprocess.Popen):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def command() -> list[str]:
    """``ENGINE_COMMAND="vllm serve /path/to/model ..."`` runs the start-up cases against a real server."""
    given = os.environ.get("ENGINE_COMMAND")
    return shlex.split(given) if given else [*SIMULATION, "serve", "lab/tiny", "--max-model-len", "2048"]


def launch(
    folder: pathlib.Path, *arguments: str, environ: t.Mapping[str, str] | None = None, whole: t.Sequence[str] | None = None, fresh: bool = False
) -> Running:
    """``fresh`` starts an interpreter of its own where a fork would do: for what the start itself costs."""
    port = free_port()
    log = folder / f"server-{port}.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VLLM_", "LAB_ENGINE_", "HF_", "TRANSFORMERS_"))}
    plain = {"VLLM_NO_USAGE_STATS": "1", "LAB_ENGINE_LOAD_SECONDS": "0", "LAB_ENGINE_MODEL_MAX_LEN": "32768", "LAB_ENGINE_SEED": "1"}
    words = [*(whole if whole is not None else command()), "--host", "127.0.0.1", "--port", str(port), *arguments]
    env = {**inherited, **plain, **(environ or {})}
    if words[:3] == SIMULATION and not fresh and not any(name.startswith("PROMETHEUS_") for name in env):
        return Running(Forked(words[2:], env, ROOT, log), port, log)
    # prometheus_client reads its variables when it is imported.
    with log.open("wb") as out:
        process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    return Running(process, port, log)
