"""What `lab` says and does around a lab that runs, or is not there."""

from __future__ import annotations

import os

import pytest

from lab.__main__ import main
from lab._layout import ROOT
from lab.testing import RunningLab

from .conftest import Command, pids


def test_parts_run_in_sessions_of_their_own_so_that_ctrl_c_does_not_reach_them(lab: RunningLab) -> None:
    running = pids(lab.layout)
    assert {part: os.getsid(pid) for part, pid in running.items()} == running
    assert {os.getpgid(pid) for pid in running.values()} == set(running.values())


def test_up_with_other_nodes_is_refused_and_changes_nothing(lab: RunningLab, command: Command) -> None:
    before = pids(lab.layout)
    done = command("up", "--name", lab.name, "--nodes", "5", check=False)
    assert done.returncode == 1
    assert f"lab {lab.name} exists with other nodes" in done.stderr
    assert before.items() <= pids(lab.layout).items()


@pytest.mark.parametrize("name", ["../up", "Two", "", "a b", "-x", "a" * 41])
def test_a_name_that_is_no_plain_word_is_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["up", f"--name={name}"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"lab: {name!r} cannot name a lab: ")
    assert said.out == ""


@pytest.mark.parametrize("verb", [["status"], ["env"], ["logs", "etcd"]])
def test_a_lab_that_is_not_there_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    assert main([*verb, "--name", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("lab: lab nowhere does not exist")
    assert not (ROOT / ".lab" / "state" / "nowhere").exists()
