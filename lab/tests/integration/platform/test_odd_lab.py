"""One lab with nodes of odd shapes, a pod and a load: its parts are killed and healed, it is asked again, and in the end nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import typing as t

import psycopg
import pytest

from lab import _parts, _postgres, _process, _state
from lab.__main__ import main
from lab._health import trouble
from lab._layout import ROOT, Layout
from lab._parts import Lab
from lab._ports import free
from lab.testing import RunningLab
from lab.up import up

from .conftest import Command, nothing_left, pids, processes_of, segments_of, stubborn_pod

TOLERATION = {"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
UP = ("--nodes-file", "lab/examples/nodes.yaml", "--with", "names")


@pytest.fixture(scope="module")
def odd() -> t.Iterator[RunningLab]:
    """The lab of lab/examples/nodes.yaml. Each test but the last leaves it whole."""
    layout = Layout(f"odd-{os.getpid()}")
    base = [sys.executable, "-m", "lab"]
    said = subprocess.run([*base, "up", "--name", layout.name, *UP], cwd=ROOT, check=True, timeout=180, capture_output=True, text=True)
    assert f"lab {layout.name} is ready after" in said.stdout
    state = _state.load(layout)
    assert state is not None
    yield RunningLab(Lab(layout, state))
    subprocess.run([*base, "down", "--name", layout.name], cwd=ROOT, check=True, timeout=120)


def pod(name: str, resources: dict[str, str], **spec: t.Any) -> dict[str, t.Any]:
    container = {"name": "main", "image": "not-there", "resources": {"requests": resources, "limits": resources}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "tolerations": [TOLERATION], **spec},
    }


def until(met: t.Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)


def placed(lab: RunningLab, body: dict[str, t.Any]) -> tuple[str, str]:
    """Node, or the scheduler's own words why there is none."""
    api = lab.client("admin")
    path = f"/api/v1/namespaces/default/pods/{body['metadata']['name']}"
    api.create("/api/v1/namespaces/default/pods", body)
    end = time.monotonic() + 30
    try:
        while True:
            found = api.get(path)
            if found["spec"].get("nodeName"):
                return found["spec"]["nodeName"], ""
            for condition in found.get("status", {}).get("conditions") or []:
                if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                    return "", condition["message"]
            assert time.monotonic() < end, found
            time.sleep(0.05)
    finally:
        api.delete(path, {"gracePeriodSeconds": 0})


@pytest.mark.parametrize(
    ("name", "resources", "spec", "node"),
    [
        ("mig", {"nvidia.com/mig-3g.20gb": "4"}, {}, "mig"),
        ("amd", {"amd.com/gpu": "8"}, {}, "sim-amd"),
        ("zone", {"nvidia.com/gpu": "4"}, {"nodeSelector": {"topology.kubernetes.io/zone": "b"}}, "h100"),
        ("product", {"nvidia.com/gpu": "1"}, {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}}, "h100"),
        ("reserved", {"nvidia.com/gpu": "2"}, {"nodeSelector": {"kubernetes.io/hostname": "reserved"}, "tolerations": [{"operator": "Exists"}]}, "reserved"),
        ("plain", {"cpu": "1"}, {"tolerations": []}, "cpu-only"),
    ],
)
def test_the_scheduler_takes_an_odd_node_for_what_it_is(odd: RunningLab, name: str, resources: dict[str, str], spec: dict[str, t.Any], node: str) -> None:
    assert placed(odd, pod(name, resources, **spec)) == (node, "")


@pytest.mark.parametrize(("hostname", "words"), [("cordoned", "unschedulable"), ("broken", "untolerated taint"), ("reserved", "untolerated taint")])
def test_the_scheduler_refuses_what_is_closed(odd: RunningLab, hostname: str, words: str) -> None:
    node, message = placed(odd, pod(f"on-{hostname}", {"nvidia.com/gpu": "1"}, nodeSelector={"kubernetes.io/hostname": hostname}))
    assert node == ""
    assert words in message


def test_pods_of_a_simulated_node_run_at_once_and_end_at_once(odd: RunningLab) -> None:
    api, path = odd.client("admin"), "/api/v1/namespaces/default/pods/pretended"
    api.create("/api/v1/namespaces/default/pods", pod("pretended", {"amd.com/gpu": "1"}))
    until(lambda: api.get(path).get("status", {}).get("phase") == "Running")
    api.delete(path)
    until(lambda: not api.exists(path))


def test_kwok_leaves_pods_of_process_nodes_alone(odd: RunningLab) -> None:
    api, path = odd.client("admin"), "/api/v1/namespaces/default/pods/real"
    api.create("/api/v1/namespaces/default/pods", pod("real", {"nvidia.com/gpu": "1"}))
    until(lambda: reasons(api.get(path)))
    # The image does not exist: the kubelet says so, kwok would have said Running.
    assert set(reasons(api.get(path))) <= {"ErrImagePull", "ImagePullBackOff", "ContainerCreating", "InvalidImageName"}
    api.delete(path, {"gracePeriodSeconds": 0})


def reasons(found: dict[str, t.Any]) -> list[str]:
    return [entry["state"].get("waiting", {}).get("reason", "running") for entry in found.get("status", {}).get("containerStatuses") or []]


def test_load_adds_nodes_and_pods_and_removes_them(odd: RunningLab, command: Command) -> None:
    before = {node["metadata"]["name"] for node in odd.client("admin").items("/api/v1/nodes")}
    said = command("load", "--name", odd.name, "--nodes", "20", "--gpu-nodes", "5", "--pods", "160").stdout
    assert "carries 20 simulated nodes, 5 of them with GPUs, and 160 pods after" in said
    api = odd.client("admin")
    pods = api.items("/api/v1/namespaces/load/pods")
    assert {entry["status"]["phase"] for entry in pods} == {"Running"}
    used = [entry["spec"]["nodeName"] for entry in pods if "nvidia.com/gpu" in entry["spec"]["containers"][0]["resources"].get("limits", {})]
    assert {name: used.count(name) for name in set(used)} == {f"sim-{number:05}": 6 for number in range(5)}
    command("load", "--name", odd.name, "--remove")
    assert {node["metadata"]["name"] for node in odd.client("admin").items("/api/v1/nodes")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "5", "--gpu-nodes", "6"], "6 GPU nodes of 5 nodes are too many"),
        (["--nodes", "1", "--gpu-nodes", "0", "--pods", "111"], "111 pods do not fit on 1 nodes of 110 pods each"),
    ],
)
def test_a_load_that_cannot_be_is_refused(odd: RunningLab, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["load", "--name", odd.name, *arguments]) == 1
    assert words in capsys.readouterr().err


def test_up_on_a_lab_that_runs_does_nothing(odd: RunningLab, command: Command) -> None:
    running, record = pids(odd.layout), odd.layout.record.stat().st_mtime_ns
    assert set(running) == set(_parts.parts(odd.layout, ["names"]))
    assert command("up", "--name", odd.name, *UP).stdout == f"lab {odd.name} is running; nothing to do.\n"
    assert pids(odd.layout) == running
    assert odd.layout.record.stat().st_mtime_ns == record


def test_two_labs_side_by_side_do_not_know_each_other(lab: RunningLab, odd: RunningLab) -> None:
    used = [*lab.state.ports.values(), *odd.state.ports.values()]
    assert len(set(used)) == len(used)
    theirs, ours = ({node["metadata"]["name"] for node in one.client("admin").items("/api/v1/nodes")} for one in (lab, odd))
    assert "h100" in ours
    assert "h100" not in theirs
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**lab.database("operator"), "port": odd.state.ports["postgres"]})


def kill(layout: Layout, part: str) -> None:
    """Comes back when it is dead."""
    running = _parts.process(layout, part)
    assert running is not None
    _process.stop([running], signal.SIGKILL, seconds=10)


def test_up_heals_every_part_after_kill_9_and_loses_nothing(odd: RunningLab, command: Command) -> None:
    api = odd.client("admin", seconds=600)
    api.create("/api/v1/namespaces/staging/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"word": "kept"}})
    with _postgres.connect(odd.state, "vllm_migrator") as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('kept')")
    stubborn_pod(odd.layout, odd.state)
    before, path = pids(odd.layout), "/api/v1/namespaces/default/pods/sleeper"
    ran = api.get(path)["status"]["containerStatuses"]
    for part in before:
        kill(odd.layout, part)
        said: list[str] = []
        up(odd.layout, None, (), said.append)
        # Others may have ended of it before `up` looked: an API server does without etcd.
        assert re.search(rf"lab {odd.name} is whole again \(([\w-]+, )*{part}(, [\w-]+)* started\) after", said[-1]), said
        assert [one for one in before if trouble(odd.lab, one)] == [], part
    after = pids(odd.layout)
    assert set(after) == set(before)
    assert all(after[part] != before[part] for part in before)
    assert api.get("/api/v1/namespaces/staging/configmaps/kept")["data"] == {"word": "kept"}
    assert api.get(path)["status"]["containerStatuses"] == ran, "the pod runs on, whatever was killed"
    with _postgres.connect(odd.state, "vllm_migrator") as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("kept",)]


def test_a_part_that_ends_of_what_is_healed_is_started_again(odd: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def trouble_of_its_own(lab: Lab, part: str) -> str | None:
        if part == "kube-apiserver" and part not in asked:
            asked.append(part)
            kill(odd.layout, part)
        return trouble(lab, part)

    monkeypatch.setattr(sys.modules["lab.up"], "trouble", trouble_of_its_own)
    kill(odd.layout, "etcd")
    up(odd.layout, None, (), asked.append)
    assert "is whole again (etcd, kube-apiserver" in asked[-1]
    assert asked[0] == "kube-apiserver"
    assert [part for part in pids(odd.layout) if trouble(odd.lab, part)] == []


def test_healing_after_all_parts_were_killed_at_once(odd: RunningLab, command: Command) -> None:
    for pid in pids(odd.layout).values():
        os.kill(pid, signal.SIGKILL)
    assert command("status", "--name", odd.name, check=False).returncode == 1
    command("up", "--name", odd.name)
    assert command("status", "--name", odd.name).returncode == 0


def test_a_port_that_another_program_took_is_named(odd: RunningLab, command: Command) -> None:
    port = odd.state.ports["kube-scheduler"]
    os.kill(pids(odd.layout)["kube-scheduler"], signal.SIGKILL)
    until(lambda: free(port))
    squatter = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: not free(port))
        done = command("up", "--name", odd.name, check=False)
    finally:
        squatter.kill()
        squatter.wait()
    assert done.returncode == 1
    assert f"kube-scheduler cannot start: another program listens on its port {port} now" in done.stderr
    assert squatter.returncode == -signal.SIGKILL
    up(odd.layout, None, (), print)


def test_down_ends_pods_and_frees_shared_memory_and_leaves_nothing(odd: RunningLab, command: Command) -> None:
    assert any("sleep 86399" in words for words in processes_of(odd.layout))
    with _postgres.connect(odd.state, "vllm_reader") as connection:
        # Else there would be files in /dev/shm too.
        assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)
    database = pids(odd.layout)["postgres"]
    assert len(segments_of(database)) == 1
    said = command("down", "--name", odd.name).stdout
    assert "kube-apiserver" in said
    assert str(odd.layout.state) in said
    nothing_left(odd.layout, odd.state.ports.values())
    assert segments_of(database) == []
    assert command("down", "--name", odd.name).stdout == f"lab {odd.name} does not exist; nothing to do.\n"
