"""The shim, the informer and the translation of ports, each against the real thing: processes, a server, sockets."""

from __future__ import annotations

import asyncio
import http.server
import importlib.util
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import typing as t

import pytest

from lab.kubelet import runtime, volumes
from lab.kubelet.api import Api
from lab.kubelet.informer import Informer
from lab.kubelet.kubeconfig import Access
from lab.kubelet.types import Run, StartError

SITE = pathlib.Path(__file__).parents[3] / "images" / "site"


def order(folder: pathlib.Path, *argv: str, attempt: int = 0) -> runtime.Order:
    return runtime.Order(folder / str(attempt), attempt, list(argv), {"PATH": "/usr/bin:/bin"}, folder, folder / "log")


def run(folder: pathlib.Path, *argv: str) -> tuple[int, str]:
    """Exit code and log."""

    async def go() -> int:
        started = await runtime.start(order(folder, *argv))
        await runtime.over(started)
        ending = runtime.ending(started)
        assert ending is not None
        return ending[0]

    return asyncio.run(go()), (folder / "log").read_text()


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$; sleep 5", 143)])
def test_the_exit_code_is_the_programs(tmp_path: pathlib.Path, script: str, code: int) -> None:
    assert run(tmp_path, "sh", "-c", script)[0] == code


def test_the_log_keeps_both_streams_in_cri_format(tmp_path: pathlib.Path) -> None:
    _code, log = run(tmp_path, "sh", "-c", "echo out; echo err >&2; printf unfinished")
    lines = [line.split(" ", 3)[1:] for line in log.splitlines()]
    assert sorted(lines) == [["stderr", "F", "err"], ["stdout", "F", "out"], ["stdout", "F", "unfinished"]]


def test_nothing_outlives_the_first_process(tmp_path: pathlib.Path) -> None:
    _code, log = run(tmp_path, "sh", "-c", "setsid sh -c 'echo pid $$; exec sleep 300' & sleep 0.5; exit 0")
    (pid,) = (int(line.split()[-1]) for line in log.splitlines())
    assert runtime.ticks(pid) == -1


def test_a_program_that_is_not_there_is_a_start_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StartError, match=r'exec: "nosuch": executable file not found in \$PATH: unknown$'):
        asyncio.run(runtime.start(order(tmp_path, "nosuch")))
    with pytest.raises(StartError, match=r'exec: "/no/such": stat /no/such: no such file or directory: unknown$'):
        asyncio.run(runtime.start(order(tmp_path, "/no/such")))


def test_signals_reach_only_the_process_that_was_started(tmp_path: pathlib.Path) -> None:
    async def go() -> tuple[int, float] | None:
        started = await runtime.start(order(tmp_path, "sleep", "60"))
        assert runtime.alive(started)
        assert runtime.recorded(started.folder) == started
        assert runtime.environment(started)["PATH"] == "/usr/bin:/bin"
        runtime.send(Run(0, "", started.pid, started.ticks + 1, started.shim, 0.0, started.folder), signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert runtime.alive(started), "another process with this pid would have other ticks"
        runtime.send(started, signal.SIGTERM)
        await runtime.over(started)
        assert not runtime.alive(started)
        return runtime.ending(started)

    ending = asyncio.run(go())
    assert ending is not None
    assert ending[0] == 143


@pytest.mark.parametrize("part", ["", '{"argv": ["tr'])
def test_a_shim_whose_kubelet_ended_before_the_order_was_whole_ends_in_silence(part: str, tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-I", "-S", str(runtime.SHIM), str(tmp_path)]
    done = subprocess.run(command, input=part, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert list(tmp_path.iterdir()) == []


def test_memory_counts_all_processes_of_a_run(tmp_path: pathlib.Path) -> None:
    async def go() -> int:
        child = "import time; x = bytearray(b'a') * (50 << 20); time.sleep(60)"
        started = await runtime.start(order(tmp_path, "sh", "-c", f'{shlex.quote(sys.executable)} -c "{child}"; true'))
        deadline = time.monotonic() + 20
        while (held := runtime.memory(started)) < 50 << 20 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        runtime.end_tree(started)
        await runtime.over(started)
        return held

    assert 50 << 20 <= asyncio.run(go()) < 90 << 20


def test_a_command_beside_a_run_is_bounded_in_time_and_output(tmp_path: pathlib.Path) -> None:
    path = {"PATH": "/usr/bin:/bin"}
    assert asyncio.run(runtime.execute(["sh", "-c", "echo a; echo b >&2; exit 3"], path, tmp_path, 10)) == runtime.Outcome(3, "a\nb\n")
    slow = asyncio.run(runtime.execute(["sh", "-c", "echo a; sleep 60 & sleep 60"], path, tmp_path, 0.5))
    assert slow == runtime.Outcome(None, "a\n")
    long = asyncio.run(runtime.execute(["head", "-c", "100000", "/dev/zero"], path, tmp_path, 10))
    assert len(long.output) == runtime.OUTPUT_BYTES


def test_a_link_that_a_program_may_be_using_is_not_replaced(tmp_path: pathlib.Path) -> None:
    place, first, second = tmp_path / "root" / "data", tmp_path / "one", tmp_path / "two"
    first.mkdir()
    second.mkdir()
    volumes.link(place, first)
    made = place.lstat().st_ino
    volumes.link(place, first)
    assert place.lstat().st_ino == made
    volumes.link(place, second)
    assert place.resolve() == second


# The informer, against a server that plays an API server's part.


class Script(http.server.BaseHTTPRequestHandler):
    """Answers lists and watches from ``server.script``, in order, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = t.cast(t.Any, self.server)
        server.asked.append(self.path)
        status, body = server.script.pop(0) if server.script else (200, "")
        if body == "" and "watch=true" in self.path:
            server.idle.set()
            server.release.wait(10)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def item(uid: str, version: int) -> dict[str, t.Any]:
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": str(version)}}


def listing(version: int, *uids: str) -> tuple[int, str]:
    return 200, json.dumps({"metadata": {"resourceVersion": str(version)}, "items": [item(uid, version) for uid in uids]})


def events(*entries: tuple[str, dict[str, t.Any]]) -> tuple[int, str]:
    return 200, "".join(json.dumps({"type": kind, "object": thing}) + "\n" for kind, thing in entries)


def test_a_watch_goes_on_from_bookmarks_and_lists_again_when_it_is_too_old() -> None:
    gone = {"code": 410, "reason": "Expired", "message": "too old resource version"}
    script = [
        listing(5, "a", "b"),
        events(("MODIFIED", item("a", 6)), ("BOOKMARK", {"metadata": {"resourceVersion": "9"}})),
        events(("ERROR", gone)),
        listing(20, "b", "c"),
        events(("DELETED", item("c", 21))),
    ]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Script)
    asked = t.cast(t.Any, server)
    asked.script, asked.asked, asked.idle, asked.release = script, [], threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen: list[str] = []
    api = Api(Access(f"http://127.0.0.1:{server.server_port}", None, {}))
    informer = Informer(api, "/api/v1/pods", lambda kind, thing: seen.append(f"{kind} {thing['metadata'].get('uid', '')}".strip()), fieldSelector="x=y")
    informer.start()
    assert asked.idle.wait(20)
    informer.stop()
    asked.release.set()
    informer.join(10)
    server.shutdown()
    server.server_close()
    assert seen == ["ADDED a", "ADDED b", "SYNCED", "MODIFIED a", "DELETED a", "ADDED b", "ADDED c", "SYNCED", "DELETED c"]
    versions = [path.split("resourceVersion=")[1].split("&")[0] for path in asked.asked if "watch=true" in path]
    assert versions == ["5", "9", "20", "21"]
    assert not informer.is_alive()


# Ports of Python programs.


@pytest.fixture
def site() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("lab_site", SITE / "sitecustomize.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_pods_own_ports_are_translated(site: types.ModuleType) -> None:
    known = site.ports("8000=41000,9000=41001")
    assert known == {8000: 41000, 9000: 41001}
    assert site.bound((socket.inet_ntoa(bytes(4)), 8000), known, version6=False, only6=False) == ("127.0.0.1", 41000)
    assert site.bound(("::", 8000, 0, 0), known, version6=True, only6=False) == ("::ffff:127.0.0.1", 41000, 0, 0)
    assert site.bound(("", 1234), known, version6=False, only6=False) == ("127.0.0.1", 1234)
    assert site.bound("/a/socket", known, version6=False, only6=False) == "/a/socket"
    for host in ("127.0.0.1", "localhost"):
        assert site.reached((host, 8000), known, "10.244.0.5") == (host, 41000)
    assert site.reached(("10.244.0.5", 8000), known, "10.244.0.5") == ("127.0.0.1", 41000)
    assert site.reached(("10.244.0.6", 8000), known, "10.244.0.5") == ("10.244.0.6", 8000)
    assert site.reached(("127.0.0.1", 5432), known, "") == ("127.0.0.1", 5432)


def test_a_python_server_and_client_find_each_other_on_the_translated_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = """
import asyncio, urllib.request
async def serve(reader, writer):
    await reader.readline(); writer.write(b'HTTP/1.0 200 OK\\r\\n\\r\\nhello'); await writer.drain(); writer.close()
async def main():
    async with await asyncio.start_server(serve, '', 8000):
        print(await asyncio.to_thread(lambda: urllib.request.urlopen('http://localhost:8000/').read().decode()), flush=True)
        await asyncio.to_thread(input)
asyncio.run(main())
"""
    env = {**os.environ, "PYTHONPATH": str(SITE), "LAB_PORTS": f"8000={port}"}
    with subprocess.Popen([sys.executable, "-c", program], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "hello\n"
        with socket.create_connection(("127.0.0.1", port), timeout=5) as direct:
            direct.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert direct.recv(100).startswith(b"HTTP/1.0 200")
        child.communicate("\n", timeout=10)


def test_an_environment_that_is_not_laid_out_yet_is_waited_for(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([b"", b"PATH=/bin\0"])
    monkeypatch.setattr(pathlib.Path, "read_bytes", lambda _path: next(answers))
    assert runtime.environment(Run(0, "", 1, 1, 1, 0.0, tmp_path)) == {"PATH": "/bin"}
