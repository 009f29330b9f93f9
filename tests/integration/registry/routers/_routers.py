"""Real routers in front of two lab models, with the registry in between; each with the configuration that users get."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import typing as t

from ._programs import ROOT, debian, litellm

KEY = "sk-routers-test"
IDLE_SECONDS = 1.0
#: Another name for a model, in the router's own configuration.
ALIAS, ALIASED = "nick", "org/aliased"
INTEGRATIONS = ROOT / "integrations"


@dataclasses.dataclass(frozen=True)
class Said:
    status: int
    revision: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["error"]["message"])


@dataclasses.dataclass
class Router:
    """A running one; asked by several threads."""

    name: str
    port: int
    processes: list[subprocess.Popen[bytes]]
    log: pathlib.Path
    _own: threading.local = dataclasses.field(default_factory=threading.local)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, model: str, revision: str = "", *, key: str = KEY, path: str = "/v1/chat/completions", **more: t.Any) -> Said:
        """One tiny generation over the thread's own connection."""
        body = {"model": model, "max_tokens": 1, "temperature": 0, "messages": [{"role": "user", "content": "hi"}], **more}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}", **({"x-vllm-revision": revision} if revision else {})}
        return self._send("POST", path, json.dumps(body), headers)

    def models(self) -> list[str]:
        return sorted(model["id"] for model in json.loads(self.get("/v1/models").body)["data"])

    def get(self, path: str) -> Said:
        return self._send("GET", path, None, {"Authorization": f"Bearer {KEY}"})

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Said:
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            self._own.used = time.monotonic()
            return Said(answer.status, found.get("x-vllm-revision", ""), found, answer.read())
        except (OSError, http.client.HTTPException):
            self._own.connection = None
            connection.close()
            raise

    def _connection(self) -> http.client.HTTPConnection:
        """The thread's own. One that idled is not used again: servers close those when they like, and that is no lost request."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None or time.monotonic() - self._own.used > IDLE_SECONDS:
            if connection is not None:
                connection.close()
            connection = self._own.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        return connection

    def end(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


def start_haproxy(folder: pathlib.Path, environment: dict[str, str]) -> Router:
    """The example configuration with this test's paths in place of its own, and the agent."""
    program, needed = debian("haproxy")
    port, keys, routes, admin = free_port(), folder / "keys.lst", folder / "routes.map", folder / "routes.sock"
    keys.write_text(f"{KEY}\n")
    routes.touch()
    text = (INTEGRATIONS / "haproxy" / "haproxy.cfg").read_text()
    for there, here in (
        ("/etc/haproxy/keys.lst", str(keys)),
        ("/etc/haproxy/routes.map", str(routes)),
        ("/run/haproxy/routes.sock", str(admin)),
        ("bind :8080", f"bind 127.0.0.1:{port}"),
    ):
        assert there in text
        text = text.replace(there, here)
    configuration, log = folder / "haproxy.cfg", folder / "router.log"
    configuration.write_text(text)
    with log.open("ab") as output:
        server = subprocess.Popen([program, "-db", "-f", str(configuration)], env={**os.environ, **needed, "VLLM_API_KEY": ""}, stdout=output, stderr=output)
        agent = [sys.executable, "-m", "vllm_routes.haproxy", "--socket", str(admin), "--map", str(routes)]
        follower = subprocess.Popen(agent, env=environment, stdout=output, stderr=output)
    router = Router("haproxy", port, [server, follower], log)
    _await(router, lambda: b'"list"' in router.get("/v1/models").body)
    return router


def start_litellm(folder: pathlib.Path, environment: dict[str, str]) -> Router:
    """The example configuration with one more name for a model."""
    port, log, configuration = free_port(), folder / "router.log", folder / "config.yaml"
    text = (INTEGRATIONS / "litellm" / "config.yaml").read_text()
    assert "model_group_alias: {}" in text
    configuration.write_text(text.replace("model_group_alias: {}", f"model_group_alias: {{{ALIAS}: {ALIASED}}}"))
    command = [litellm(), "--config", str(configuration), "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    more = {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    with log.open("ab") as output:
        server = subprocess.Popen(command, env={**environment, **more}, cwd=folder, stdout=output, stderr=output)
    router = Router("litellm", port, [server], log)
    _await(router, lambda: router.get("/health/liveliness").status == 200)
    return router


STARTS: dict[str, t.Callable[[pathlib.Path, dict[str, str]], Router]] = {"haproxy": start_haproxy, "litellm": start_litellm}


def environment_of(database: dict[str, str], folder: pathlib.Path) -> dict[str, str]:
    own = {"VLLM_ROUTES_ENVIRONMENT": "staging", "VLLM_ROUTES_STATE": str(folder / "state.json"), "PYTHONPATH": str(INTEGRATIONS / "routes")}
    return {**os.environ, **database, **own}


def _await(router: Router, met: t.Callable[[], bool]) -> None:
    end = time.monotonic() + 600
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if met():
                return
        if time.monotonic() > end or router.processes[0].poll() is not None:
            router.end()
            raise AssertionError(f"{router.name} did not start: {router.tail()}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
