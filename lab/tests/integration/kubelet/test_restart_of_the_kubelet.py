"""The kubelet itself ends, is killed, comes back."""

from __future__ import annotations

import os
import pathlib
import signal
import time
import typing as t

import pytest

from lab._client import Client

from ._pods import OwnKubelet, Pods, condition, restarts, running_kubelet, state

LIMIT_KIB = 60 * 1024


@pytest.fixture
def own(lab: t.Any, api: Client, tmp_path: pathlib.Path) -> t.Iterator[OwnKubelet]:
    """A kubelet and a node for one test."""
    name = f"kubelet-own-{os.getpid()}-{tmp_path.name[-12:].strip('_').replace('_', '-').lower()}"
    state_folder = tmp_path / "lab"
    state_folder.mkdir()
    with running_kubelet(lab, api, state_folder, name) as made:
        yield made


@pytest.fixture
def pods(api: Client, namespace: str, own: OwnKubelet, lab: t.Any) -> t.Iterator[Pods]:
    made = Pods(api, namespace, own, lab)
    yield made
    api.delete(f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": 0})


def test_a_killed_kubelet_adopts_its_pods(pods: Pods, own: OwnKubelet) -> None:
    lines = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done"
    name = pods.run("sh", "-c", lines, readinessProbe={"exec": {"command": ["true"]}, "periodSeconds": 1})
    before = pods.ready(name)
    pid = own.processes()
    own.stop(signal.SIGKILL)
    assert own.processes() == pid, "the pod's process does not notice"
    own.start()
    pods.ready(pods.run("sleep", "600", name="later"))
    after = pods.get(name)
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    assert condition(after, "Ready") == condition(before, "Ready")
    seen = pods.logs(name).split("\n")
    pods.until(name, lambda _: len(pods.logs(name).split("\n")) > len(seen))  # its log goes on
    assert [e["count"] for e in pods.events(name) if e["reason"] == "Started"] == [1]
    for one in (name, "later"):
        pods.delete(one)
        pods.gone(one)
    assert own.processes() == []


def test_what_ended_without_a_kubelet_is_reported_as_it_was(pods: Pods, own: OwnKubelet) -> None:
    name, end = pods.until_told(9)
    own.stop(signal.SIGKILL)
    end.touch()
    deadline = time.monotonic() + 30
    while own.processes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    own.start()
    ended = state(pods.phase(name, "Failed"))["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (9, "Error")


def test_what_was_lost_is_reported_as_unknown_and_restarted(pods: Pods, own: OwnKubelet) -> None:
    name = pods.run("sleep", "600")
    pods.ready(name)
    own.stop(signal.SIGKILL)
    for shim in own.processes():
        os.kill(shim, signal.SIGKILL)
    own.start()
    pod = pods.until(name, lambda pod: restarts(pod) == 1)
    ended = state(pod, field="lastState")["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "ContainerStatusUnknown")
    pods.ready(name)
    assert len(own.processes()) == 1


def test_pods_of_a_kubelet_that_was_ended_are_started_again(pods: Pods, own: OwnKubelet) -> None:
    name = pods.run("sleep", "600")
    pods.ready(name)
    own.stop()
    assert own.processes() == []
    own.start()
    pod = pods.until(name, lambda pod: restarts(pod) == 1)
    assert state(pod, field="lastState")["terminated"]["exitCode"] == 143


def test_pods_that_were_deleted_meanwhile_leave_nothing(pods: Pods, own: OwnKubelet) -> None:
    name = pods.run("sleep", "600")
    folder = own.state / "pods" / pods.ready(name)["metadata"]["uid"]
    own.stop(signal.SIGKILL)
    pods.delete(name, grace=0)
    assert len(own.processes()) == 1
    own.start()
    deadline = time.monotonic() + 40
    while own.processes() or folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_kubelet_in_the_same_folder_is_refused(own: OwnKubelet) -> None:
    deadline = time.monotonic() + 30
    while not (own.state / "kubelet.lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = OwnKubelet(own.kubeconfig, own.state, own.node, own.selector)
    second.start()
    assert second.process is not None
    assert second.process.wait(30) == 1
    assert f"another kubelet works in {own.state}" in own.log()


def test_an_idle_kubelet_asks_nothing_and_stays_small(pods: Pods, own: OwnKubelet) -> None:
    assert own.process is not None
    names = [pods.run("sleep", "600", readinessProbe={"exec": {"command": ["true"]}, "periodSeconds": 1}) for _ in range(5)]
    for name in names:
        pods.ready(name)
    written = [0, sent(own.process.pid)]
    deadline = time.monotonic() + 30
    while written[-1] != written[-2]:  # bytes that the kubelet has sent: none in some seconds of probes that succeed
        assert time.monotonic() < deadline, written
        time.sleep(2.5)
        written.append(sent(own.process.pid))
    status = pathlib.Path(f"/proc/{own.process.pid}/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert resident <= LIMIT_KIB


def sent(pid: int) -> int:
    return int(next(line for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("wchar")).split()[1])
