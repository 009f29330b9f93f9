"""Processes that outlive the command that started them, and are found again without ever mistaking another one for them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import time
import typing as t

from ._errors import LabError

# The process writes down itself who it is (boot, pid, start time), and only then becomes the program: so there is no
# moment in which it runs and nobody knows it, even when `lab up` is killed right after starting it.
LAUNCH = 'read -r boot < /proc/sys/kernel/random/boot_id; read -r stat < /proc/self/stat; echo "$boot $stat" > "$0" || exit 1; exec "$@"'
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclasses.dataclass(frozen=True)
class Process:
    """A pid means something only together with its start time: pids are used again."""

    pid: int
    started: int

    def exists(self) -> bool:
        found = _stat(self.pid)
        return found is not None and found.state not in "ZX"

    def alive(self) -> bool:
        found = _stat(self.pid)
        return found is not None and found.started == self.started and found.state not in "ZX"

    def age(self) -> float:
        with open("/proc/uptime", encoding="ascii") as uptime:
            return float(uptime.read().split()[0]) - self.started / TICKS

    def signal(self, number: signal.Signals) -> None:
        """To its helpers too when it leads a session: they must not outlive it."""
        if not self.alive():
            return
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def memory_mib(self) -> int:
        """Resident memory of the process and of all that share its session."""
        return sum(found.resident_kib for found in every() if found.session == self.pid) // 1024

    def helpers(self) -> list[Process]:
        """What shares the session; they are there for a moment longer than a leader that was killed."""
        return [Process(found.pid, found.started) for found in every() if found.session == self.pid != found.pid]


@dataclasses.dataclass(frozen=True)
class Stat:
    """What the lab reads of /proc/PID/stat."""

    pid: int
    state: str
    parent: int
    session: int
    terminal: int
    started: int
    resident_kib: int


def start(command: t.Sequence[str], record: pathlib.Path, log: pathlib.Path, *, env: t.Mapping[str, str], cwd: pathlib.Path) -> Process:
    """Starts ``command`` in a session of its own, so that Ctrl-C in the terminal does not reach it."""
    record.unlink(missing_ok=True)
    with open(log, "ab") as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", LAUNCH, str(record), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(env),
            cwd=cwd,
        )
    # We are its parent until we end; it is never waited for here, and a dead one counts as dead also as a zombie.
    child.returncode = 0
    end = time.monotonic() + 10
    while True:
        # Asked before the record is read: a program that wrote it and ended between the two is still found.
        ended = not Process(child.pid, started=0).exists()
        if (found := recorded(record)) is not None:
            return found
        if ended or time.monotonic() > end:
            raise LabError(f"{command[0]} could not be started; {log} says why.")
        time.sleep(0.002)


def recorded(record: pathlib.Path) -> Process | None:
    """The process that wrote ``record``, dead or alive; None when there is no record, or it is from before the last boot."""
    try:
        boot, _, stat = record.read_text(encoding="utf-8").partition(" ")
        current = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    parsed = _parse(stat)
    return Process(parsed.pid, parsed.started) if parsed and boot == current else None


def itself() -> Process:
    """The running process, to be recorded where another must know whether it still lives."""
    found = _stat(os.getpid())
    if found is None:
        raise LabError("the lab needs Linux: /proc is not there. On another system use a cluster of your own, see docs/cluster.md.")
    return Process(found.pid, found.started)


def stop(processes: t.Sequence[Process], number: signal.Signals | None, *, seconds: float) -> None:
    """Sends the signal to all (None: they end by themselves), waits, and kills what is left."""
    if number is not None:
        for process in processes:
            process.signal(number)
    if not _gone(processes, seconds):
        for process in processes:
            process.signal(signal.SIGKILL)
        _gone(processes, 10)


def _gone(processes: t.Sequence[Process], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(process.alive() for process in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _stat(pid: int) -> Stat | None:
    try:
        return _parse(pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def _parse(text: str) -> Stat | None:
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    if len(fields) < 22:
        return None
    parent, _group, session, terminal = (int(field) for field in fields[1:5])
    return Stat(int(head.split(" ", 1)[0]), fields[0], parent, session, terminal, int(fields[19]), int(fields[21]) * PAGE_KIB)


def every() -> t.Iterator[Stat]:
    for entry in pathlib.Path("/proc").iterdir():
        found = _stat(int(entry.name)) if entry.name.isdigit() else None
        if found is not None:
            yield found
