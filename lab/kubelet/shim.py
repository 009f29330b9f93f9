"""Stands beside one run of a container, as containerd's shim does, so that the kubelet may end and come back meanwhile.

It starts the program in a session of its own, copies what the program prints into the log (CRI format), adopts whatever the
program leaves behind, ends all of it with the program, and writes down how that went. Started as
``python -I -S shim.py FOLDER`` with the order (JSON) on stdin; answers one line on stdout: ``{"pid": ...}`` or ``{"error": ...}``.
It imports nothing of the lab: it must start fast and stay small.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time
import typing as t

PR_SET_CHILD_SUBREAPER = 36
LINE_BYTES = 16 * 1024
ROTATE_BYTES = 10 * 1024 * 1024
DRAIN_SECONDS = 2.0


class Log:
    """One log file; lines longer than 16 KiB are cut into parts as containerd does."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._rest: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    def take(self, stream: str, data: bytes) -> None:
        lines = (self._rest[stream] + data).split(b"\n")
        self._rest[stream] = lines.pop()
        whole = [part for line in lines for part in self._parts(stream, line)]
        while len(self._rest[stream]) >= LINE_BYTES:
            whole.append(self._line(stream, b"P", self._rest[stream][:LINE_BYTES]))
            self._rest[stream] = self._rest[stream][LINE_BYTES:]
        self._write(b"".join(whole))

    def end(self) -> None:
        self._write(b"".join(self._line(stream, b"F", rest) for stream, rest in self._rest.items() if rest))
        self._file.close()

    def _parts(self, stream: str, line: bytes) -> list[bytes]:
        pieces = [line[start : start + LINE_BYTES] for start in range(0, len(line), LINE_BYTES)] or [b""]
        return [self._line(stream, b"P", piece) for piece in pieces[:-1]] + [self._line(stream, b"F", pieces[-1])]

    def _line(self, stream: str, tag: bytes, text: bytes) -> bytes:
        now = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
        return f"{stamp}.{now % 10**9:09d}Z {stream} ".encode() + tag + b" " + text + b"\n"

    def _write(self, lines: bytes) -> None:
        if not lines:
            return
        self._file.write(lines)
        if self._file.tell() > ROTATE_BYTES:
            self._file.close()
            self._path.replace(f"{self._path}.1")
            self._file = self._path.open("ab", buffering=0)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    try:
        order = json.loads(sys.stdin.buffer.read())
    except ValueError:
        # The kubelet ended while it handed the order over: nothing was started, and the next one orders anew.
        sys.exit(1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Only its own container's end ends the shim. A handler and not SIG_IGN, which the program would inherit.
        signal.signal(number, lambda *_: None)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        # Held to the end: a Popen that is forgotten reaps its child, and reap() would never see how it ended.
        child, streams = start(order)
    except OSError as error:
        print(json.dumps({"error": f"{errno.errorcode.get(error.errno or 0, '')} {error.strerror}"}), flush=True)
        sys.exit(1)
    pid = child.pid
    state = {"pid": pid, "ticks": ticks(pid), "shim": os.getpid(), "shim_ticks": ticks(os.getpid()), "started_at": time.time()}
    put(folder / "state.json", {**state, "attempt": order["attempt"], "container_id": order["container_id"]})
    print(json.dumps(state), flush=True)
    quiet()
    log = Log(pathlib.Path(order["log"]))
    code = attend(pid, streams, log, wakeup)
    finished = time.time()
    end_descendants()
    drain(streams, log)
    log.end()
    put(folder / "exit.json", {"code": code, "finished_at": finished})


def start(order: dict[str, t.Any]) -> tuple[subprocess.Popen[bytes], dict[int, str]]:
    """Starts the program. OSError when it cannot be executed."""
    out, out_write = os.pipe()
    err, err_write = os.pipe()
    child = subprocess.Popen(
        order["argv"], env=order["env"], cwd=order["cwd"], stdin=subprocess.DEVNULL, stdout=out_write, stderr=err_write, start_new_session=True
    )
    os.close(out_write)
    os.close(err_write)
    return child, {out: "stdout", err: "stderr"}


def attend(pid: int, streams: dict[int, str], log: Log, wakeup: int) -> int:
    """Copies output and reaps children until the program itself has ended; its exit code as a shell would give it."""
    while True:
        ready, _, _ = select.select([*streams, wakeup], [], [])
        for descriptor in ready:
            if descriptor == wakeup:
                os.read(wakeup, 512)
            else:
                copy(descriptor, streams, log)
        code = reap(pid)
        if code is not None:
            return code


def copy(descriptor: int, streams: dict[int, str], log: Log) -> None:
    data = os.read(descriptor, 65536)
    if data:
        log.take(streams[descriptor], data)
    else:
        os.close(descriptor)
        del streams[descriptor]


def reap(pid: int) -> int | None:
    """Collects every child that has ended; the code of ``pid`` when it was among them."""
    found = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if ended == 0:
            return found
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            found = 128 - code if code < 0 else code


def end_descendants() -> None:
    """Nothing of a container outlives its first process."""
    for _round in range(50):
        children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        reap(0)
        if not children:
            return
        time.sleep(0.01)


def drain(streams: dict[int, str], log: Log) -> None:
    """What was printed last; bounded, because a process that left the container's session may hold the pipe."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while streams and time.monotonic() < deadline:
        ready, _, _ = select.select(list(streams), [], [], deadline - time.monotonic())
        for descriptor in ready:
            copy(descriptor, streams, log)


def ticks(pid: int) -> int:
    """When the process started, in the kernel's clock ticks since boot."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def put(path: pathlib.Path, content: dict[str, t.Any]) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def quiet() -> None:
    """Lets go of the kubelet's pipes: it may end, and nobody reads them after the first line."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


if __name__ == "__main__":
    main()
