"""`up` that is killed at any moment, and `down` after whatever happened before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from lab import _postgres, _state
from lab._layout import ROOT, Layout

from .conftest import Command, nothing_left, pids, ports, segments_of, stubborn_pod


def killed_up(layout: Layout, moment: str) -> None:
    """`lab up`, killed as soon as that file of the lab's folder is there."""
    child = subprocess.Popen([sys.executable, "-m", "lab", "up", "--name", layout.name], cwd=ROOT, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (layout.state / moment).exists():
        assert child.poll() is None, f"up ended before {moment} was there"
        assert time.monotonic() < end
        time.sleep(0.005)
    child.kill()
    child.wait()


@pytest.mark.parametrize("moment", ["lab.json", "run/initdb.pid", "run/kube-apiserver.pid"])
def test_down_clears_what_a_killed_up_left(own: Layout, command: Command, moment: str) -> None:
    killed_up(own, moment)
    used, running = ports(own), pids(own)
    command("down", "--name", own.name)
    nothing_left(own, used.values())
    assert segments_of(running.get("postgres", -1)) == []


def test_up_goes_on_where_a_killed_up_stopped_and_down_ends_what_has_lost_its_keepers(own: Layout, command: Command) -> None:
    for moment in ("pki/ca.key", "postgres/data/postmaster.pid", "run/kube-scheduler.pid", "run/kubelet.pid"):
        killed_up(own, moment)
    command("up", "--name", own.name)
    assert command("status", "--name", own.name).returncode == 0
    state = _state.load(own)
    assert state is not None
    with _postgres.connect(state, "vllm_operator") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("vllm_operator",)
    stubborn_pod(own, state)
    database = pids(own)["postgres"]
    assert len(segments_of(database)) == 1
    for part in ("kubelet", "postgres"):
        os.kill(pids(own)[part], signal.SIGKILL)
    command("down", "--name", own.name)
    nothing_left(own, state.ports.values())
    assert segments_of(database) == []
