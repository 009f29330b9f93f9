"""up, again, down; and what a user, a kernel or a bad day may do in between."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import psycopg
import pytest

from lab import _parts, _postgres, _state
from lab._api import client
from lab._layout import ROOT, Layout
from lab._ports import free

from .conftest import Command, processes_of


def ports(layout: Layout) -> dict[str, int]:
    state = _state.load(layout)
    assert state is not None
    return state.ports


def pids(layout: Layout) -> dict[str, int]:
    found = {part: _parts.process(layout, part) for part in _parts.parts(layout)}
    return {part: process.pid for part, process in found.items() if process and process.alive()}


def nothing_left(layout: Layout, used: t.Iterable[int]) -> None:
    assert processes_of(layout) == []
    assert [port for port in used if not free(port)] == []
    assert not layout.state.exists()


def segments_of(pid: int) -> list[str]:
    """System V shared memory that the process made and that still stands."""
    rows = [line.split() for line in pathlib.Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]]
    return [row[1] for row in rows if int(row[4]) == pid]


def test_up_twice_and_down_leave_nothing(own: Layout, command: Command) -> None:
    first = command("up", "--name", own.name).stdout
    assert f"lab {own.name} is ready after" in first
    used, running = ports(own), pids(own)
    assert set(running) == set(_parts.parts(own))
    assert len(set(used.values())) == len(used)
    record = own.record.stat().st_mtime_ns
    assert command("up", "--name", own.name).stdout == f"lab {own.name} is running; nothing to do.\n"
    assert pids(own) == running
    assert own.record.stat().st_mtime_ns == record
    said = command("down", "--name", own.name).stdout
    assert "kube-apiserver" in said
    assert str(own.state) in said
    nothing_left(own, used.values())
    assert command("down", "--name", own.name).stdout == f"lab {own.name} does not exist; nothing to do.\n"


def test_parts_run_in_sessions_of_their_own_so_that_ctrl_c_does_not_reach_them(lab: t.Any) -> None:
    running = pids(lab.layout)
    assert {part: os.getsid(pid) for part, pid in running.items()} == running
    assert {os.getpgid(pid) for pid in running.values()} == set(running.values())


@pytest.fixture(scope="module")
def victim() -> t.Iterator[Layout]:
    """A running lab whose parts tests may kill; each test leaves it whole."""
    layout = Layout(f"victim-{os.getpid()}")
    base = [sys.executable, "-m", "lab"]
    subprocess.run([*base, "up", "--name", layout.name], cwd=ROOT, check=True, timeout=180)
    yield layout
    subprocess.run([*base, "down", "--name", layout.name], cwd=ROOT, check=True, timeout=120)


def test_up_heals_every_part_after_kill_9_and_loses_nothing(victim: Layout, command: Command) -> None:
    state = _state.load(victim)
    assert state is not None
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"word": "kept"}}
    client(victim, state).create("/api/v1/namespaces/staging/configmaps", body)
    with _postgres.connect(state, "vllm_migrator") as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('kept')")
    before = pids(victim)
    for part in _parts.parts(victim):
        os.kill(pids(victim)[part], signal.SIGKILL)
        said = command("up", "--name", victim.name).stdout
        assert f"lab {victim.name} is whole again ({part} started) after" in said, part
        assert command("status", "--name", victim.name).returncode == 0, part
    after = pids(victim)
    assert set(after) == set(before)
    assert all(after[part] != before[part] for part in before)
    assert client(victim, state).get("/api/v1/namespaces/staging/configmaps/kept")["data"] == {"word": "kept"}
    with _postgres.connect(state, "vllm_migrator") as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("kept",)]


def test_healing_after_all_parts_were_killed_at_once(victim: Layout, command: Command) -> None:
    for pid in pids(victim).values():
        os.kill(pid, signal.SIGKILL)
    assert command("status", "--name", victim.name, check=False).returncode == 1
    command("up", "--name", victim.name)
    assert command("status", "--name", victim.name).returncode == 0


def killed_up(layout: Layout, seconds: float) -> None:
    child = subprocess.Popen([sys.executable, "-m", "lab", "up", "--name", layout.name], cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    child.kill()
    child.wait()


def test_up_goes_on_where_a_killed_up_stopped(own: Layout, command: Command) -> None:
    for seconds in (0.4, 0.9, 1.5, 2.5):
        killed_up(own, seconds)
    command("up", "--name", own.name)
    assert command("status", "--name", own.name).returncode == 0
    state = _state.load(own)
    assert state is not None
    with _postgres.connect(state, "vllm_operator") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("vllm_operator",)


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.5, 3.0])
def test_down_clears_what_a_killed_up_left(own: Layout, command: Command, seconds: float) -> None:
    killed_up(own, seconds)
    used, running = ports(own) if own.record.exists() else {}, pids(own)
    command("down", "--name", own.name)
    nothing_left(own, used.values())
    assert segments_of(running.get("postgres", -1)) == []


@pytest.mark.parametrize("kill", [False, True], ids=["all-alive", "kubelet-and-database-killed"])
def test_down_ends_pods_and_frees_shared_memory(own: Layout, command: Command, kill: bool) -> None:
    command("up", "--name", own.name)
    state = _state.load(own)
    assert state is not None
    api = client(own, state, seconds=90)
    api.create("/api/v1/namespaces/default/pods", sleeper())
    end = time.monotonic() + 60
    while api.get("/api/v1/namespaces/default/pods/sleeper").get("status", {}).get("phase") != "Running":
        assert time.monotonic() < end, api.get("/api/v1/namespaces/default/pods/sleeper")["status"]
        time.sleep(0.2)
    assert any("sleep 86399" in words for words in processes_of(own))
    with _postgres.connect(state, "vllm_reader") as connection:
        # Else there would be files in /dev/shm too.
        assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)
    database = pids(own)["postgres"]
    assert len(segments_of(database)) == 1
    for part in ("kubelet", "postgres") if kill else ():
        os.kill(pids(own)[part], signal.SIGKILL)
    command("down", "--name", own.name)
    nothing_left(own, state.ports.values())
    assert segments_of(database) == []


def sleeper() -> dict[str, t.Any]:
    container = {"name": "sleeper", "image": "vllm/vllm-openai:v0.32.0", "command": ["/bin/sh", "-c", "trap '' TERM; sleep 86399"]}
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper"}, "spec": spec}


def test_two_labs_side_by_side_do_not_know_each_other(lab: t.Any, own: Layout, command: Command) -> None:
    command("up", "--name", own.name, "--nodes", "1", "--gpus-per-node", "4")
    other = _state.load(own)
    assert other is not None
    assert set(other.ports.values()).isdisjoint(lab.state.ports.values())
    nodes = client(own, other).items("/api/v1/nodes")
    assert [(node["metadata"]["name"], node["status"]["allocatable"]["nvidia.com/gpu"]) for node in nodes] == [("gpu-0", "4")]
    assert len(lab.client("admin").items("/api/v1/nodes")) == len(lab.state.nodes)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**lab.database("operator"), "port": other.ports["postgres"]})
    command("down", "--name", own.name)
    assert lab.client("admin").items("/api/v1/nodes")


def test_up_with_other_nodes_is_refused_and_changes_nothing(lab: t.Any, command: Command) -> None:
    before = pids(lab.layout)
    done = command("up", "--name", lab.name, "--nodes", "5", check=False)
    assert done.returncode == 1
    assert f"lab {lab.name} exists with other nodes" in done.stderr
    assert pids(lab.layout) == before


@pytest.mark.parametrize("name", ["../up", "Two", "", "a b", "-x", "a" * 41])
def test_a_name_that_is_no_plain_word_is_refused(command: Command, name: str) -> None:
    done = command("up", f"--name={name}", check=False)
    assert done.returncode == 1
    assert "cannot name a lab" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [["status"], ["env"], ["logs", "etcd"]])
def test_a_lab_that_is_not_there_is_said_in_a_sentence(command: Command, verb: list[str]) -> None:
    done = command(*verb, "--name", "nowhere", check=False)
    assert done.returncode == 1
    assert "lab: lab nowhere does not exist" in done.stderr
    assert not (ROOT / ".lab" / "state" / "nowhere").exists()


def test_a_port_that_another_program_took_is_named(victim: Layout, command: Command) -> None:
    port = ports(victim)["kube-scheduler"]
    os.kill(pids(victim)["kube-scheduler"], signal.SIGKILL)
    end = time.monotonic() + 10
    while not free(port):
        assert time.monotonic() < end
        time.sleep(0.05)
    squatter = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while free(port):
            time.sleep(0.05)
        done = command("up", "--name", victim.name, check=False)
    finally:
        squatter.kill()
        squatter.wait()
    assert done.returncode == 1
    assert f"kube-scheduler cannot start: another program listens on its port {port} now" in done.stderr
    assert squatter.returncode == -signal.SIGKILL
    command("up", "--name", victim.name)
