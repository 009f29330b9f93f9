"""The runner of ``make test``: its last line and its exit code are what a pipeline trusts."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
import time

import pytest

from tests.runner import __main__ as runner
from tests.runner import _lines, _run, _table


def check(name: str, code: str, minutes: float = 1, every_line: bool = False) -> _table.Check:
    return _table.Check(name, ("python", "-c", code), every_line, minutes)


@pytest.fixture
def line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> _lines.Line:
    """A line of the matrix whose only program is this interpreter."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    found = _lines.Line("ansible-12", "helm3", tmp_path / "venv")
    monkeypatch.setattr(_run, "LOGS", _lines.CACHE / "checks" / "test")
    monkeypatch.setattr(_lines, "installed", lambda folder: found if folder == ".venv" else None)
    return found


def run(checks: list[_table.Check], monkeypatch: pytest.MonkeyPatch, names: list[str] | None = None) -> int:
    monkeypatch.setattr(_table, "CHECKS", checks)
    return runner.main(names or [])


@pytest.mark.usefixtures("line")
def test_a_failing_check_hides_no_other_and_shows_its_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code = run([check("bad", "raise SystemExit('what went wrong')"), check("good", "pass")], monkeypatch)
    shown = capsys.readouterr().out
    assert code == 1
    assert shown.splitlines()[-1] == "1 passed, 1 failed"
    assert "what went wrong" in shown
    assert re.search(r"^passed +good +\d", shown, flags=re.MULTILINE)


@pytest.mark.usefixtures("line")
def test_all_green_is_exit_code_zero(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([check("one", "pass"), check("two", "pass")], monkeypatch) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


@pytest.mark.usefixtures("line")
def test_chosen_checks_run_alone_and_a_wrong_name_runs_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    checks = [check("one", "pass"), check("two", "raise SystemExit(1)")]
    assert run(checks, monkeypatch, ["one"]) == 0
    assert run(checks, monkeypatch, ["tow"]) == 2
    assert "There is no check tow. The checks are: one two." in capsys.readouterr().err


@pytest.mark.usefixtures("line")
def test_a_check_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "child"
    child = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    hang = f"import subprocess, sys; c = subprocess.Popen({child}); open({str(note)!r}, 'w').write(str(c.pid)); c.wait()"
    assert run([check("hang", hang, minutes=0.02)], monkeypatch) == 1
    assert "did not end within 0.02 minutes" in capsys.readouterr().out
    child_pid, end = int(note.read_text()), time.monotonic() + 5
    while lives(child_pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not lives(child_pid)


def lives(pid: int) -> bool:
    """Not so one that was killed and that nobody has buried yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def meeting(folder: pathlib.Path, mine: str, other: str) -> str:
    """A check that ends only after it has met the other one."""
    return f"""
import pathlib, time
folder, end = pathlib.Path({str(folder)!r}), time.monotonic() + 20
(folder / {mine!r}).touch()
while not (folder / {other!r}).exists():
    assert time.monotonic() < end
    time.sleep(0.01)
"""


@pytest.mark.usefixtures("line")
def test_one_wide_check_runs_at_a_time_and_beside_it_one_of_the_others(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = f"alone = {str(tmp_path / 'alone')!r}\nopen(alone, 'xb')\n{{}}\nimport os, time\ntime.sleep(0.2)\nos.unlink(alone)"
    wide = [check(f"wide-{number}", alone.format(meeting(tmp_path, f"wide-{number}", "narrow"))) for number in (1, 2)]
    assert run([check("narrow", meeting(tmp_path, "narrow", "wide-1")), *(dataclasses.replace(one, wide=True) for one in wide)], monkeypatch) == 0


@pytest.mark.usefixtures("line")
def test_the_others_run_two_at_a_time_when_no_wide_one_is_left(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = meeting(tmp_path, "first", "second"), meeting(tmp_path, "second", "first")
    assert run([dataclasses.replace(check("wide", "pass"), wide=True), check("first", first), check("second", second)], monkeypatch) == 0


def test_the_users_own_platforms_are_out_of_reach(line: _lines.Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "K8S_AUTH_KUBECONFIG", "PGHOST", "PGPASSWORD", "HF_TOKEN", "VLLM_API_KEY", "HELM_KUBECONTEXT", "ANSIBLE_INVENTORY", "LAB_NAME"):
        monkeypatch.setenv(name, "/the/users/own")
    assert "/the/users/own" not in line.environment().values()


def test_two_lanes_that_start_at_once_share_the_folder_of_their_helm(line: _lines.Line, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "ROOT", tmp_path)
    link = pathlib.Path.symlink_to

    def after_the_other_lane(place: pathlib.Path, target: pathlib.Path) -> None:
        link(place, target)
        link(place, target)

    monkeypatch.setattr(pathlib.Path, "symlink_to", after_the_other_lane)
    folder = line.environment()["PATH"].split(":")[1]
    assert (pathlib.Path(folder) / "helm").readlink() == pathlib.Path("../../bin/helm3")


def test_bytecode_is_kept_whatever_the_machine_says(line: _lines.Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in line.environment()


def test_second_line_runs_what_depends_on_ansible_or_helm() -> None:
    first, second = (_lines.Line(name, helm, pathlib.Path("/nowhere")) for name, helm in (("ansible-12", "helm3"), ("ansible-14", "helm4")))
    jobs = {job.title: job for job in _table.jobs([], [first, second])}
    assert {"unit@ansible-14", "sanity@ansible-14", "e2e@ansible-14"} <= jobs.keys()
    assert not {"ruff@ansible-14", "lab-unit@ansible-14", "lab-engine@ansible-14", "lab-integration@ansible-14"} & jobs.keys()
    assert {"tests/unit/capacity", "tests/unit/registry"} <= set(jobs["unit@ansible-14"].command)
    assert jobs["unit"].command[-1] == "tests/unit"
