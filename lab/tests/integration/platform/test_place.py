"""A copy of the lab in a folder with a space in its name: as an ordinary user, and its database as root where nobody else can reach it."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import typing as t

import pytest

from lab import _postgres, _state
from lab._health import trouble
from lab._layout import ROOT, Layout
from lab._nodes import default_nodes
from lab._parts import Lab, begin
from lab.down import down

from .conftest import processes_of, segments_of

# Some user that every Linux has: initdb wants a name for whoever runs it.
ORDINARY = pwd.getpwnam("daemon").pw_uid
SETPRIV = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]
UNSHARE = ["unshare", "--user", f"--map-user={ORDINARY}", f"--map-group={ORDINARY}"]
IMPORTS = "import cryptography, psycopg, yaml"


@pytest.fixture
def place() -> t.Iterator[pathlib.Path]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="a place with a space "))
    folder.chmod(0o755)
    for part in ("lab", "integrations/kubernetes"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".lab").mkdir()
    (folder / ".lab" / "bin").symlink_to(ROOT / ".lab" / "bin")
    yield folder
    shutil.rmtree(folder)


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}


def ordinary() -> list[str]:
    """How to run this Python as somebody who is not root: really another user where that user can reach it, else not root in a namespace."""
    for prefix in ([], SETPRIV, UNSHARE) if os.geteuid() else (SETPRIV, UNSHARE):
        for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
            # By way of a shell: setpriv itself still has root's capabilities when it looks up the program.
            command = [*prefix, "/bin/sh", "-c", '"$0" -c "$1"', python, IMPORTS]
            if subprocess.run(command, env=environment(), capture_output=True, check=False, cwd="/").returncode == 0:
                return [*prefix, python]
    pytest.fail("no interpreter could be run as an ordinary user: neither setpriv nor user namespaces work here")


def whole_life(place: pathlib.Path, python: list[str]) -> Layout:
    """up, status, a query as operator, again, down; what `down` leaves."""
    layout = Layout("default", root=place)

    def lab(*arguments: str) -> str:
        done = subprocess.run([*python, "-m", "lab", *arguments], cwd=place, env=environment(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        assert "lab default is ready" in lab("up")
        assert "nothing to do" in lab("up")
        lab("status")
        script = [*python[:-1], "/bin/sh", "-c", 'eval "$1" && exec "$0" get nodes -o name', str(ROOT / ".lab" / "bin" / "kubectl"), lab("env")]
        done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.split() == ["node/gpu-0", "node/gpu-1"], done.stderr
    finally:
        lab("down")
    return layout


def test_an_ordinary_user_runs_the_lab_in_a_path_with_a_space(place: pathlib.Path) -> None:
    python = ordinary()
    if python[:-1] == SETPRIV:
        for path in (place, *place.rglob("*")):
            os.lchown(path, ORDINARY, ORDINARY)
    layout = whole_life(place, python)
    assert processes_of(layout) == []
    assert [path.name for path in (place / ".lab").iterdir()] == ["bin"]


def test_without_the_programs_it_says_what_to_do(place: pathlib.Path) -> None:
    (place / ".lab" / "bin").unlink()
    done = subprocess.run([sys.executable, "-m", "lab", "up"], cwd=place, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("lab: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok not found in ")
    assert "run `make setup`" in done.stderr
    assert list((place / ".lab").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else for PostgreSQL")
def test_root_in_a_folder_that_nobody_can_reach_uses_a_namespace_for_the_database(place: pathlib.Path) -> None:
    place.chmod(0o700)
    layout = Layout("default", root=place)
    for folder in (layout.state / "logs", layout.run):
        folder.mkdir(parents=True)
    lab = Lab(layout, _state.create(layout, default_nodes(1, 8)))
    try:
        _postgres.initialise(layout, lab.state)
        started = begin(lab, "postgres")
        end = time.monotonic() + 60
        while trouble(lab, "postgres"):
            assert started.alive(), layout.last_words("postgres")
            assert time.monotonic() < end
            time.sleep(0.05)
        assert _postgres.version(lab.state).startswith("18")
        assert len(segments_of(started.pid)) == 1
    finally:
        down(layout, print)
    assert processes_of(layout) == []
    assert segments_of(started.pid) == []
    assert [path.name for path in (place / ".lab").iterdir()] == ["bin"]
