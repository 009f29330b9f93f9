"""The exporter as a process, with a real registry."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from vllm_routes import Table
from vllm_routes.export import Exporter

from tests.integration.registry.conftest import change, verb
from tests.integration.registry.postgres import Database

from ._programs import Missing, debian
from ._routers import environment_of, free_port
from .conftest import until


@pytest.fixture
def start(registry: Database, tmp_path: pathlib.Path) -> t.Iterator[t.Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def starter(*arguments: str, **more: str) -> subprocess.Popen[bytes]:
        environment = {**environment_of(registry.environ("vllm_reader"), tmp_path), **more}
        started.append(subprocess.Popen([sys.executable, "-m", "vllm_routes.export", *arguments], env=environment, stderr=subprocess.PIPE))
        return started[-1]

    yield starter
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def test_the_file_follows_and_each_change_runs_the_command(registry: Database, tmp_path: pathlib.Path, start: t.Callable[..., subprocess.Popen[bytes]]) -> None:
    output, runs = tmp_path / "routes.json", tmp_path / "runs"
    script = tmp_path / "reload"
    script.write_text(f"#!/bin/sh\necho x >> {runs}\n")
    script.chmod(0o755)
    process = start("--format", "json", "--output", str(output), "--run", str(script))
    until(output.exists)
    change(registry)
    until(lambda: [one["status"] for one in json.loads(output.read_text())["routes"]] == ["ready"])
    verb(registry, "disabled", reason="see INC-1")
    until(lambda: [one["refusal"] for one in json.loads(output.read_text())["routes"]] == ["disabled: see INC-1"])
    until(lambda: runs.read_text() == "x\n" * 3)
    process.terminate()
    assert process.wait(30) == 0


NGINX = """error_log stderr;
daemon off;
pid @folder/pid;
events {}
http {
    access_log off;
    client_body_temp_path @folder/a; proxy_temp_path @folder/b; fastcgi_temp_path @folder/c; uwsgi_temp_path @folder/d; scgi_temp_path @folder/e;
    include @folder/routes.conf;
    server {
        listen 127.0.0.1:@port;
        location / {
            if ($vllm_refusal) { return 503 "$vllm_refusal"; }
            if ($vllm_upstream = "") { return 404; }
            return 200 "$vllm_upstream";
        }
    }
}
"""


def test_a_real_nginx_reads_its_file(registry: Database, tmp_path: pathlib.Path, start: t.Callable[..., subprocess.Popen[bytes]]) -> None:
    try:
        program, needed = debian("nginx")
    except Missing as reason:
        pytest.skip(str(reason))
    change(registry, endpoint="10.0.0.1:8000")
    change(registry, model="off")
    verb(registry, "disabled", model="off", reason='see "INC-1"; } $host #')
    output, port = tmp_path / "routes.conf", free_port()
    assert start("--format", "nginx", "--output", str(output), "--once").wait(60) == 0
    (tmp_path / "nginx.conf").write_text(NGINX.replace("@folder", str(tmp_path)).replace("@port", str(port)))
    server = subprocess.Popen([program, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], env={**os.environ, **needed}, stderr=subprocess.PIPE)

    def ask(model: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/", headers={"x-vllm-model": model})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return bool(ask("llama-3-8b"))
        return False

    try:
        until(answers, lambda: server.poll())
        assert ask("llama-3-8b") == (200, "http://10.0.0.1:8000")
        assert ask("off") == (503, "503 The model `off` takes no requests in staging (disabled: see 'INC-1'; } 'host #).")
        assert ask("unknown")[0] == 404
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_a_command_that_fails_is_run_again_and_the_file_stays(tmp_path: pathlib.Path) -> None:
    output, ready = tmp_path / "routes.json", tmp_path / "ready"
    exporter = Exporter("json", output, ["test", "-e", str(ready)])
    assert not exporter.bring(Table("staging"))
    assert output.exists()
    ready.touch()
    assert exporter.bring(Table("staging"))
    ready.unlink()
    assert exporter.bring(Table("staging")), "nothing has changed, so nothing is run"


def test_once_ends_with_1_when_the_registry_cannot_be_asked(tmp_path: pathlib.Path, start: t.Callable[..., subprocess.Popen[bytes]]) -> None:
    output = tmp_path / "routes.json"
    assert start("--format", "json", "--output", str(output), "--once").wait(60) == 0
    assert output.exists()
    output.unlink()
    (tmp_path / "state.json").unlink()
    assert start("--format", "json", "--output", str(output), "--once", PGPORT="1", VLLM_ROUTES_TIMEOUT="0.5").wait(60) == 1
    assert not output.exists()


def test_a_setting_that_cannot_be_right_is_told_in_words(tmp_path: pathlib.Path, start: t.Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start("--format", "json", "--output", str(tmp_path / "x"), VLLM_ROUTES_ENVIRONMENT="test")
    _out, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"vllm-routes-export: VLLM_ROUTES_ENVIRONMENT is 'test': set it to development, staging or production" in said
