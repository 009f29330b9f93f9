"""A process is signalled only when it is the one that was meant."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
import typing as t

import pytest

from lab import _process
from lab._process import Process


@pytest.fixture
def child() -> t.Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield running
    running.kill()
    running.wait()


def record(child: subprocess.Popen[bytes], path: pathlib.Path, *, boot: str = "") -> pathlib.Path:
    boot = boot or pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    path.write_text(f"{boot} {pathlib.Path(f'/proc/{child.pid}/stat').read_text(encoding='ascii')}", encoding="ascii")
    return path


def test_a_record_finds_its_process(child: subprocess.Popen[bytes], tmp_path: pathlib.Path) -> None:
    found = _process.recorded(record(child, tmp_path / "part.pid"))
    assert found is not None
    assert found.pid == child.pid
    assert found.alive()
    assert 0 <= found.age() < 60
    found.signal(signal.SIGKILL)
    child.wait()
    assert not found.alive()


def test_a_pid_that_was_given_to_another_process_is_left_alone(child: subprocess.Popen[bytes], tmp_path: pathlib.Path) -> None:
    found = _process.recorded(record(child, tmp_path / "part.pid"))
    assert found is not None
    former = Process(found.pid, found.started - 1)
    assert not former.alive()
    former.signal(signal.SIGKILL)
    _process.stop([former], signal.SIGKILL, seconds=1)
    time.sleep(0.1)
    assert child.poll() is None


def test_a_record_from_before_the_last_boot_counts_for_nothing(child: subprocess.Popen[bytes], tmp_path: pathlib.Path) -> None:
    assert _process.recorded(record(child, tmp_path / "part.pid", boot="00000000-0000-0000-0000-000000000000")) is None


@pytest.mark.parametrize("text", ["", "boot", "boot 12", "boot 12 (sleep) S 1 2"])
def test_a_record_that_was_cut_short_counts_for_nothing(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "part.pid").write_text(text, encoding="ascii")
    assert _process.recorded(tmp_path / "part.pid") is None


def test_what_ignores_the_polite_signal_is_killed_with_its_helpers(tmp_path: pathlib.Path) -> None:
    script = "trap '' TERM; sleep 61 & wait; wait"
    running = _process.start(["/bin/sh", "-c", script], tmp_path / "stubborn.pid", tmp_path / "log", env={"PATH": "/usr/bin:/bin"}, cwd=tmp_path)
    end = time.monotonic() + 5
    while not running.helpers():
        assert time.monotonic() < end
        time.sleep(0.01)
    helpers = running.helpers()
    _process.stop([running], signal.SIGTERM, seconds=0.3)
    assert not running.alive()
    end = time.monotonic() + 5
    while any(helper.alive() for helper in helpers):  # the kernel buries them a moment after their leader
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_ends_between_two_looks_is_still_known_by_its_record(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = _process.recorded
    seen: list[Process | None] = []

    def late(record: pathlib.Path) -> Process | None:
        """The first look comes too early for the record, the next one too late for the process."""
        if not seen:
            (tmp_path / "end").write_text("now\n", encoding="ascii")
            while not (found := recorded(record)) or found.alive():
                time.sleep(0.001)
            seen.append(found)
            return None
        return recorded(record)

    os.mkfifo(tmp_path / "end")
    monkeypatch.setattr(_process, "recorded", late)
    running = _process.start(["/bin/sh", "-c", "read -r line <end"], tmp_path / "part.pid", tmp_path / "log", env={}, cwd=tmp_path)
    assert [running] == seen


def test_a_program_that_is_not_there_leaves_a_record_and_a_log(tmp_path: pathlib.Path) -> None:
    running = _process.start(["/nowhere/program"], tmp_path / "part.pid", tmp_path / "log", env={}, cwd=tmp_path)
    end = time.monotonic() + 5
    while running.alive():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert "/nowhere/program" in (tmp_path / "log").read_text(encoding="utf-8")
