"""What `make setup` says and does on machines that lack something."""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
NEEDED = ("cat", "cp", "cut", "date", "dirname", "env", "grep", "ln", "mkdir", "rm", "sed", "sh", "tail", "tr")


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of programs, the only one on PATH: a machine with a shell and nothing else. Its checkout has a space in its path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in NEEDED:
        (programs / name).symlink_to(str(shutil.which(name)))
    checkout = tmp_path / "my checkout"
    shutil.copytree(ROOT / "lab" / "setup", checkout / "lab" / "setup")
    (checkout / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "matrix", checkout / "tests" / "matrix")
    return programs


def program(machine: pathlib.Path, name: str, text: str) -> None:
    path = machine / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(machine: pathlib.Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine), "HOME": str(machine.parent / "home")}
    command = [str(machine / "sh"), f"lab/setup/{script}", *words]
    return subprocess.run(command, cwd=machine.parent / "my checkout", env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_python_that_exists_but_does_not_run_is_passed_over(machine: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program(machine, f"python{VERSION}", "exit 127")
    second = tmp_path / "second"
    second.mkdir()
    (second / f"python{VERSION}").symlink_to(sys.executable)
    found = subprocess.run(
        ["/bin/sh", str(ROOT / "lab" / "setup" / "python.sh"), VERSION],
        env={"PATH": f"{machine}{os.pathsep}{second}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert found.stdout.strip().startswith(str(second))


def test_without_a_new_enough_python_one_sentence_says_so(machine: pathlib.Path) -> None:
    program(machine, "python3.11", "exit 127")
    program(machine, "python3", 'case "$*" in *3.10*) exit 0 ;; esac; exit 1')
    done = run(machine, "venv.sh", ".venv", "first")
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "No Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize(
    ("go", "sentence"),
    [
        (None, "Go was not found: install Go 1.26 or newer"),
        ('[ "$1" = version ] && echo "go version go1.19.8 linux/amd64" && exit 0; exit 1', "go version go1.19.8 linux/amd64 is too old: install Go 1.26"),
    ],
)
def test_without_a_new_enough_go_one_sentence_says_so(machine: pathlib.Path, go: str | None, sentence: str) -> None:
    if go:
        program(machine, "go", go)
    done = run(machine, "programs.sh")
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_failing_step_shows_its_last_lines_and_where_the_rest_is(machine: pathlib.Path) -> None:
    program(machine, "go", 'case "$*" in "mod download") echo "the proxy said no" >&2; exit 1 ;; *) echo v1.36.0 ;; esac')
    done = run(machine, "programs.sh")
    assert done.returncode == 1
    assert "the proxy said no" in done.stderr
    assert 'Set-up stopped at "downloaded the lab\'s Go modules"' in done.stderr


def test_env_before_setup_says_what_to_run(machine: pathlib.Path) -> None:
    done = run(machine, "env.sh")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "run make lab-up first" in done.stderr


def test_env_survives_a_space_in_the_path(machine: pathlib.Path) -> None:
    checkout = machine.parent / "my checkout"
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "line").write_text("ansible-14 14.5.0 helm4 /usr/bin/python3.12\n")
    printed = run(machine, "env.sh", "--path").stdout
    script = f'{printed}\nprintf \'%s\\n\' "$VIRTUAL_ENV" "$PATH"'
    shown = subprocess.run(["/bin/sh", "-c", script], env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert shown == [f"{checkout}/.venv", f"{checkout}/.venv/bin:{checkout}/.lab/path/helm4:/usr/bin"]
    assert shlex.split(printed)[0] == "export"
