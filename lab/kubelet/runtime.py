"""Processes: starts a run of a container behind its shim, finds it again after a restart, signals it, measures it, runs a command beside it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

from .types import Json, Run, StartError

SHIM = pathlib.Path(__file__).with_name("shim.py")
PAGE = os.sysconf("SC_PAGE_SIZE")
OUTPUT_BYTES = 10 * 1024


@dataclasses.dataclass(frozen=True)
class Order:
    """What to run. ``folder`` is this run's own and keeps what the shim writes down."""

    folder: pathlib.Path
    attempt: int
    argv: list[str]
    env: dict[str, str]
    cwd: pathlib.Path
    log: pathlib.Path


async def start(order: Order) -> Run:
    """StartError in runc's words when the program cannot be executed."""
    order.folder.mkdir(parents=True, exist_ok=True)
    container_id = f"process://{secrets.token_hex(32)}"
    body = {"attempt": order.attempt, "container_id": container_id, "argv": order.argv, "env": order.env, "cwd": str(order.cwd), "log": str(order.log)}
    shim = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SHIM), str(order.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env={}
    )
    line = await asyncio.to_thread(_hand_over, shim, json.dumps(body).encode())
    answer = json.loads(line or b'{"error": "the shim ended at once"}')
    if "error" in answer:
        shim.wait()
        raise StartError(_runc(order.argv[0], answer["error"]))
    _SHIMS[shim.pid] = shim
    return Run(order.attempt, container_id, answer["pid"], answer["ticks"], shim.pid, answer["started_at"], order.folder)


# Shims that are children of this process; kept so that they can be reaped.
_SHIMS: dict[int, subprocess.Popen[bytes]] = {}


def _hand_over(shim: subprocess.Popen[bytes], order: bytes) -> bytes:
    if shim.stdin is None or shim.stdout is None:
        raise AssertionError("both are pipes")
    with contextlib.suppress(BrokenPipeError), shim.stdin as orders:
        orders.write(order)
    with shim.stdout as answers:
        return answers.readline()


def _runc(program: str, error: str) -> str:
    start = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    reason = "executable file not found in $PATH" if error.startswith("ENOENT") and "/" not in program else error.partition(" ")[2].lower() or error
    return f'{start}error during container init: exec: "{program}": {_quoted(program, reason)}: unknown'


def _quoted(program: str, reason: str) -> str:
    return f"stat {program}: {reason}" if "/" in program and "no such file" in reason else reason


def recorded(folder: pathlib.Path) -> Run | None:
    """The run that a shim wrote down there, whether it lives or not."""
    state = _read(folder / "state.json")
    if state is None:
        return None
    return Run(state["attempt"], state["container_id"], state["pid"], state["ticks"], state["shim"], state["started_at"], folder)


def ending(run: Run) -> tuple[int, float] | None:
    """Exit code and moment, when the shim wrote them down."""
    state = _read(run.folder / "exit.json")
    return (int(state["code"]), float(state["finished_at"])) if state else None


def _read(path: pathlib.Path) -> Json | None:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return None


def alive(run: Run) -> bool:
    """Whether the shim still stands beside it."""
    state = _read(run.folder / "state.json") or {}
    return ticks(run.shim) == int(state.get("shim_ticks", 0))


def ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot; -1 when there is none or it is a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in "ZX" else int(fields[19])


async def over(run: Run) -> None:
    """Returns when the shim has ended. A pidfd works for children and for shims that an earlier kubelet started."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(run.shim)
        if run.shim in _SHIMS or alive(run):
            await _readable(descriptor)
        else:
            os.close(descriptor)
    child = _SHIMS.pop(run.shim, None)
    if child is not None:
        child.wait()


def send(run: Run, number: int) -> None:
    """Signals the container's first process, if it is still that one."""
    if ticks(run.pid) == run.ticks:
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, number)


def end_tree(run: Run) -> None:
    """Ends everything at once, also when the shim is gone."""
    for pid in [*descendants(run.shim), run.pid] if alive(run) else [run.pid]:
        if pid != run.pid or ticks(pid) == run.ticks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    found = []
    for file in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in file.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def memory(run: Run) -> int:
    """Bytes that the run's processes hold for themselves: resident pages without those backed by files, nearly what a cgroup counts."""
    total = 0
    for pid in descendants(run.shim):
        with contextlib.suppress(OSError, ValueError):
            _size, resident, shared = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[:3]
            total += (int(resident) - int(shared)) * PAGE
    return total


def _environ(pid: int) -> bytes:
    """The kernel lets go of whoever waits for an exec a moment before it has laid out the new program's environment."""
    for _again in range(20):
        if held := pathlib.Path(f"/proc/{pid}/environ").read_bytes():
            return held
        time.sleep(0.001)
    return b""


def environment(run: Run) -> dict[str, str]:
    """What the run was started with; the kubelet itself keeps no secrets on disk."""
    try:
        held = _environ(run.pid)
    except OSError:
        return {}
    pairs = held.split(b"\0")
    return dict(pair.decode("utf-8", "surrogateescape").split("=", 1) for pair in pairs if b"=" in pair)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``code`` None: it did not end in time."""

    code: int | None
    output: str


async def execute(argv: list[str], env: dict[str, str], cwd: pathlib.Path, seconds: float | None) -> Outcome:
    """A command beside a run. OSError when it cannot be executed."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            in_time = await _within(child.pid, seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        output.seek(0)
        text = output.read(OUTPUT_BYTES).decode("utf-8", "replace")
    return Outcome(128 - code if code < 0 else code, text) if in_time else Outcome(None, text)


async def _within(pid: int, seconds: float | None) -> bool:
    try:
        await asyncio.wait_for(_readable(os.pidfd_open(pid)), seconds)
    except TimeoutError:
        return False
    return True


async def _readable(descriptor: int) -> None:
    """Waits for it and closes it. A pidfd is readable when its process has ended."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(descriptor, lambda: None if ended.done() else ended.set_result(None))
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
