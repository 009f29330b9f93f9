"""A running lab as pytest fixtures, for the lab's tests and for those of whatever runs on it: a ``conftest.py`` imports what it needs.

``lab`` is one running lab for the whole run, shared by all workers of pytest-xdist and ended by the last of them.
``LAB_NAME=default`` in the environment takes that lab instead, starts it if needed, and leaves it running.
``namespace`` is a fresh namespace with everything that the platform gives one; ``make_namespace`` gives others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import itertools
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from . import _cluster, _postgres, _process
from ._api import client
from ._client import ApiError, Client, Conflict, Forbidden, NotFound, Unauthorized
from ._layout import ROOT, Layout
from ._parts import Lab
from ._state import DATABASE_USERS, State
from .env import variables
from .status import existing

__all__ = [
    "ApiError",
    "Client",
    "Conflict",
    "Forbidden",
    "MakeNamespace",
    "NotFound",
    "RunningLab",
    "Unauthorized",
    "lab",
    "make_namespace",
    "namespace",
    "one_at_a_time",
    "remove_namespace",
]

COUNTER = itertools.count(1)
# What would make new pods.
OWNERS = (
    "/apis/apps/v1/namespaces/{}/deployments",
    "/apis/apps/v1/namespaces/{}/replicasets",
    "/apis/apps/v1/namespaces/{}/statefulsets",
    "/apis/batch/v1/namespaces/{}/jobs",
)


@dataclasses.dataclass(frozen=True)
class RunningLab:
    """What tests need of a lab: where it is, and who one can be there."""

    lab: Lab

    @property
    def layout(self) -> Layout:
        return self.lab.layout

    @property
    def state(self) -> State:
        return self.lab.state

    @property
    def name(self) -> str:
        return self.layout.name

    @property
    def root(self) -> pathlib.Path:
        return self.layout.root

    @property
    def bin(self) -> pathlib.Path:
        """etcd, kubectl, helm3, helm4 and the others."""
        return self.layout.bin

    def kubeconfig(self, who: str = "operator") -> pathlib.Path:
        return self.layout.kubeconfig(who)

    def env(self, who: str = "operator") -> dict[str, str]:
        """What `lab env --as WHO` prints."""
        return variables(self.lab, who)

    def environ(self, who: str = "operator") -> dict[str, str]:
        """A whole environment for a subprocess: the test's own, that user's variables, kubectl and the collection."""
        path = os.pathsep.join([str(self.bin), str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, **self.env(who), "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(self.root / "collections")}

    def client(self, who: str = "operator", seconds: float = 60) -> Client:
        return client(self.layout, self.state, who=who, seconds=seconds)

    def kubectl(self, *arguments: str, who: str = "operator", check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / "kubectl"), "--kubeconfig", str(self.kubeconfig(who)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=check)

    def database(self, who: str = "operator") -> dict[str, t.Any]:
        """Keyword arguments for psycopg and psycopg2; ``who`` is migrator, operator, reader or the superuser postgres."""
        user = DATABASE_USERS.get(who, who)
        return {
            "host": "127.0.0.1",
            "port": self.state.ports["postgres"],
            "user": user,
            "password": self.state.passwords[user],
            "dbname": _postgres.DATABASE,
            "sslmode": "disable",
        }


class MakeNamespace(t.Protocol):
    def __call__(self, environment: str = ..., *, gpus: int | None = ..., pod_security: str = ...) -> str: ...


@pytest.fixture(scope="session")
def lab() -> t.Iterator[RunningLab]:
    """A running lab with the default two nodes of eight GPUs."""
    given = os.environ.get("LAB_NAME")
    layout = Layout(given or f"test-{_run_id()}")
    if given:
        _command("up", layout)
        yield RunningLab(existing(layout))
        return
    me = _process.itself()
    mine = layout.state / "users" / f"{me.pid}-{me.started}"
    with one_at_a_time(layout):
        _end_orphans(layout)
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.touch()
        _command("up", layout)
    try:
        yield RunningLab(existing(layout))
    finally:
        with one_at_a_time(layout):
            mine.unlink(missing_ok=True)  # somebody may have taken the lab down by hand
            if not _used(layout):
                _command("down", layout)


@pytest.fixture
def make_namespace(lab: RunningLab) -> t.Iterator[MakeNamespace]:
    """Makes namespaces with labels, quota, secrets and both users' permissions; after the test nothing runs in them."""
    admin = lab.client("admin")
    made: list[str] = []

    def make(environment: str = "development", *, gpus: int | None = None, pod_security: str = "restricted") -> str:
        name = f"t{os.getpid()}-{next(COUNTER)}"
        made.append(name)
        _cluster.namespace(lab.lab, admin, name, environment=environment, gpus=gpus, pod_security=pod_security)
        return name

    yield make
    for name in made:
        remove_namespace(lab.client("admin"), name)


@pytest.fixture
def namespace(make_namespace: MakeNamespace) -> str:
    """A fresh namespace, labelled environment=development; any pod may run in it."""
    return make_namespace(pod_security="privileged")


def remove_namespace(admin: Client, name: str) -> None:
    """Does not wait; but its pods end at once, so that their GPUs are free for the next test.

    In a lab that `down` removes anyway the empty namespace stays: deleting one costs the control plane half a second of a processor.
    """
    with contextlib.suppress(NotFound):
        if os.environ.get("LAB_NAME"):
            admin.delete(f"/api/v1/namespaces/{name}")
        for kind in OWNERS:
            admin.delete(kind.format(name), {"propagationPolicy": "Background"})
        admin.delete(f"/api/v1/namespaces/{name}/pods", {"gracePeriodSeconds": 1})


def _run_id() -> int:
    """The same for all workers of one run, another for every run: the process that pytest-xdist's workers have in common."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _command(verb: str, layout: Layout) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", verb, "--name", layout.name], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        pytest.fail(f"lab {verb}: {done.stderr or done.stdout}", pytrace=False)


def _end_orphans(layout: Layout) -> None:
    """Labs of runs that were killed before they could end them."""
    for folder in layout.labs.glob("test-*/users"):
        orphan = Layout(folder.parent.name)
        if orphan.name != layout.name and not _used(orphan):
            _command("down", orphan)


def _used(layout: Layout) -> bool:
    for user in (layout.state / "users").glob("*-*"):
        pid, _, started = user.name.partition("-")
        if _process.Process(int(pid), int(started)).alive():
            return True
    return False


@contextlib.contextmanager
def one_at_a_time(layout: Layout) -> t.Iterator[None]:
    handle = os.open(layout.bin, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
