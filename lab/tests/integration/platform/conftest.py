"""Labs of a test's own: these tests kill and end them."""

from __future__ import annotations

import itertools
import os
import pathlib
import subprocess
import sys
import time
import typing as t

import pytest

from lab import _parts, _state
from lab._api import client
from lab._layout import ROOT, Layout
from lab._ports import free

COUNTER = itertools.count(1)


class Command(t.Protocol):
    def __call__(self, *arguments: str, check: bool = ...) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def command() -> Command:
    """`python -m lab ...`, as a user types it."""

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([sys.executable, "-m", "lab", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    return run


@pytest.fixture
def own(command: Command) -> t.Iterator[Layout]:
    """The layout of a lab that nobody else uses; not started, but ended."""
    layout = Layout(f"own-{os.getpid()}-{next(COUNTER)}")
    yield layout
    command("down", "--name", layout.name)


def processes_of(layout: Layout) -> list[str]:
    """Command lines of living processes that name the lab's folder or work in it, by /proc and not by the lab's own records."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            folder = str((entry / "cwd").readlink())
            zombie = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        if not zombie and (f"{layout.state}/" in words or f"--name {layout.name} " in f"{words} " or f"{folder}/".startswith(f"{layout.state}/")):
            found.append(words)
    return found


def ports(layout: Layout) -> dict[str, int]:
    state = _state.load(layout)
    assert state is not None
    return state.ports


def pids(layout: Layout) -> dict[str, int]:
    """The living parts."""
    state = _state.load(layout)
    found = {part: _parts.process(layout, part) for part in _parts.parts(layout, state.extra if state else ())}
    return {part: process.pid for part, process in found.items() if process and process.alive()}


def nothing_left(layout: Layout, used: t.Iterable[int]) -> None:
    assert processes_of(layout) == []
    assert [port for port in used if not free(port)] == []
    assert not layout.state.exists()


def segments_of(pid: int) -> list[str]:
    """System V shared memory that the process made and that still stands."""
    rows = [line.split() for line in pathlib.Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]]
    return [row[1] for row in rows if int(row[4]) == pid]


def stubborn_pod(layout: Layout, state: _state.State) -> None:
    """Runs in the lab and will not end for a SIGTERM."""
    api = client(layout, state, seconds=90)
    api.create("/api/v1/namespaces/default/pods", sleeper())
    end = time.monotonic() + 60
    while api.get("/api/v1/namespaces/default/pods/sleeper").get("status", {}).get("phase") != "Running":
        assert time.monotonic() < end, api.get("/api/v1/namespaces/default/pods/sleeper")["status"]
        time.sleep(0.1)
    assert any("sleep 86399" in words for words in processes_of(layout))


def sleeper() -> dict[str, t.Any]:
    container = {"name": "sleeper", "image": "vllm/vllm-openai:v0.32.0", "command": ["/bin/sh", "-c", "trap '' TERM; sleep 86399"]}
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper"}, "spec": spec}
