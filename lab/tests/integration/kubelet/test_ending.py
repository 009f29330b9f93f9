"""How pods end: hooks, grace periods, deletion, drain, Jobs."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest

from lab._client import Client

from ._pods import IMAGE, Pods, condition, state

TRAP = (
    "import signal, sys, time; signal.signal(15, lambda *a: (print('stopping', flush=True), time.sleep({after}), sys.exit(0))); open('up', 'w'); time.sleep(60)"
)
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); open('up', 'w'); time.sleep(60)"
UP = {"exec": {"command": ["test", "-f", "up"]}, "periodSeconds": 1}
SERVER = """
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open('asked' + self.path.replace('/', '-'), 'w')
        self.send_response(500); self.end_headers()
http.server.ThreadingHTTPServer(('', 8000), H).serve_forever()
"""


def test_deletion_ends_the_process_and_then_the_pod(pods: Pods) -> None:
    name = pods.python(TRAP.format(after=1), pod={"terminationGracePeriodSeconds": 10}, readinessProbe=UP)
    pods.ready(name)
    pods.delete(name)
    terminating = pods.get(name)
    assert terminating["metadata"]["deletionTimestamp"]
    assert terminating["status"]["phase"] == "Running"
    assert 0.8 <= pods.gone(name) < 9
    assert pods.event(name, "Killing", "Stopping container c")["type"] == "Normal"


def test_a_process_that_will_not_end_is_killed_after_the_grace_period(pods: Pods) -> None:
    name = pods.python(STUBBORN, pod={"terminationGracePeriodSeconds": 3}, readinessProbe=UP)
    pods.ready(name)
    pods.delete(name)
    assert 2.5 <= pods.gone(name) < 20


def test_a_shorter_grace_period_shortens_a_deletion_that_is_under_way(pods: Pods) -> None:
    name = pods.python(STUBBORN, pod={"terminationGracePeriodSeconds": 60}, readinessProbe=UP)
    pods.ready(name)
    pods.delete(name)
    time.sleep(0.5)
    pods.delete(name, grace=1)
    assert pods.gone(name) < 30


def test_a_forced_deletion_leaves_no_process(pods: Pods) -> None:
    name = pods.python(STUBBORN, pod={"terminationGracePeriodSeconds": 60}, readinessProbe=UP)
    uid = pods.ready(name)["metadata"]["uid"]
    folder = pods.kubelet.state / "pods" / uid
    assert folder.exists()
    pods.delete(name, grace=0)
    assert pods.gone(name) < 10
    deadline = time.monotonic() + 30
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not [pid for pid in pods.kubelet.processes() if uid in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.parametrize(
    "hook",
    [{"sleep": {"seconds": 2}}, {"exec": {"command": ["sh", "-c", "sleep 2; touch /keep/asked-exec"]}}, {"httpGet": {"path": "/bye", "port": "http"}}],
    ids=["sleep", "exec", "http"],
)
def test_a_pre_stop_hook_runs_before_the_signal(pods: Pods, hook: dict[str, object]) -> None:
    mounts = [{"name": "keep", "mountPath": "/keep"}]
    more = {"lifecycle": {"preStop": hook}, "volumeMounts": mounts, "ports": [{"name": "http", "containerPort": 8000}], "workingDir": "/keep"}
    volumes = [{"name": "keep", "hostPath": {"path": f"/{pods.namespace}-{next(iter(hook))}", "type": "DirectoryOrCreate"}}]
    name = pods.python(
        SERVER, pod={"terminationGracePeriodSeconds": 20, "volumes": volumes}, readinessProbe={"tcpSocket": {"port": 8000}, "periodSeconds": 1}, **more
    )
    pods.ready(name)
    pods.delete(name)
    took = pods.gone(name)
    kept = pods.kubelet.state / "host" / f"{pods.namespace}-{next(iter(hook))}"
    if "httpGet" in hook:
        assert (kept / "asked-bye").exists()
    else:
        assert 1.9 <= took < 15
    if "exec" in hook:
        assert (kept / "asked-exec").exists()
    assert not [e for e in pods.events(name) if e["reason"] == "FailedPreStopHook"], "any answer to the HTTP hook is good"


def test_a_pre_stop_hook_that_fails_or_never_ends_does_not_hold_the_pod(pods: Pods) -> None:
    failing = pods.run("sleep", "60", lifecycle={"preStop": {"exec": {"command": ["false"]}}})
    endless = pods.python(STUBBORN, pod={"terminationGracePeriodSeconds": 2}, readinessProbe=UP, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    pods.ready(failing)
    pods.ready(endless)
    pods.delete(failing)
    pods.delete(endless)
    pods.event(failing, "FailedPreStopHook", "PreStopHook failed")
    pods.gone(failing)
    assert 3.5 <= pods.gone(endless) < 20, "two seconds of hook, then the two seconds that every container is given"


def test_sidecars_end_after_the_containers_last_one_first(pods: Pods) -> None:
    script = "trap 'echo {0} >> /data/log; exit 0' TERM; touch /data/{0}; while :; do sleep 0.05; done"
    mounts = [{"name": "e", "mountPath": "/data"}]
    path = f"/{pods.namespace}-order"

    def container(name: str, **more: object) -> dict[str, object]:
        return {"name": name, "image": IMAGE, "command": ["sh", "-c", script.format(name)], "volumeMounts": mounts, **more}

    probe = {"exec": {"command": ["test", "-f", "/data/main"]}, "periodSeconds": 1}
    inits = [container("s1", restartPolicy="Always"), container("s2", restartPolicy="Always")]
    volumes = [{"name": "e", "hostPath": {"path": path, "type": "DirectoryOrCreate"}}]
    name = pods.create(
        {"terminationGracePeriodSeconds": 10, "volumes": volumes, "initContainers": inits, "containers": [container("main", readinessProbe=probe)]}
    )
    pods.ready(name)
    pods.delete(name)
    pods.gone(name)
    assert (pods.kubelet.state / "host" / path[1:] / "log").read_text().split() == ["main", "s2", "s1"]


def test_a_pod_that_never_started_is_deleted_at_once(pods: Pods) -> None:
    name = pods.create({"terminationGracePeriodSeconds": 60, "containers": [{"name": "c", "image": "lab/tools:nope"}]})
    pods.waiting(name, "ImagePullBackOff")
    pods.delete(name)
    assert pods.gone(name) < 20


def test_a_job_completes_and_a_failing_one_gives_up(pods: Pods) -> None:
    def job(name: str, script: str) -> None:
        template = {"spec": pods.placed({"restartPolicy": "Never", "containers": [{"name": "c", "image": IMAGE, "command": ["sh", "-c", script]}]})}
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template}}
        pods.api.create(f"/apis/batch/v1/namespaces/{pods.namespace}/jobs", body)

    job("good", "exit 0")
    job("bad", "exit 4")
    for name, wanted in (("good", "Complete"), ("bad", "Failed")):
        deadline = time.monotonic() + 30
        while True:
            status = pods.api.get(f"/apis/batch/v1/namespaces/{pods.namespace}/jobs/{name}")["status"]
            if any(c["type"] == wanted and c["status"] == "True" for c in status.get("conditions") or []):
                break
            assert time.monotonic() < deadline, status
            time.sleep(0.1)


def test_an_eviction_ends_the_pod_and_a_replica_set_replaces_it(pods: Pods) -> None:
    template = {"metadata": {"labels": {"app": "e"}}, "spec": pods.placed({"containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "600"]}]})}
    body = {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "e"}}, "template": template}}
    pods.api.create(
        f"/apis/apps/v1/namespaces/{pods.namespace}/deployments", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "e"}, **body}
    )

    def names() -> list[str]:
        return [item["metadata"]["name"] for item in pods.api.items(f"{pods.root}/pods", {"labelSelector": "app=e"})]

    deadline = time.monotonic() + 60
    while not names():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first = names()[0]
    pods.ready(first)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": first, "namespace": pods.namespace}}
    pods.api.create(f"{pods.root}/pods/{first}/eviction", eviction)
    assert condition(pods.get(first), "DisruptionTarget")["reason"] == "EvictionByEvictionAPI", "a condition that is not the kubelet's stays"
    pods.gone(first)
    (second,) = (name for name in names() if name != first)
    pods.ready(second)


@pytest.fixture
def cut_off(pods: Pods, api: Client) -> t.Iterator[t.Callable[[], None]]:
    """Takes the node off the network, as far as the cluster can tell; calling it again brings it back. kwok then owns its state again."""
    node = f"/api/v1/nodes/{pods.kubelet.node}"
    unknown = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    away = False

    def toggle() -> None:
        nonlocal away
        away = not away
        api.patch(node, {"metadata": {"annotations": {"lab.inference.vllm/not-ready": "true" if away else None}}})
        if away:
            api.patch(f"{node}/status", {"status": {"conditions": [unknown]}}, kind="application/strategic-merge-patch+json")
            time.sleep(0.5)

    yield toggle
    if away:
        toggle()


def test_a_node_that_is_cut_off_reports_nothing_until_it_is_back(pods: Pods, cut_off: t.Callable[[], None]) -> None:
    name, end = pods.until_told(3)
    cut_off()
    end.touch()
    late = pods.create({"nodeName": pods.kubelet.node, "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "60"]}]})
    time.sleep(1)
    assert pods.get(name)["status"]["phase"] == "Running", "its end is not reported"
    assert pods.get(late)["status"]["phase"] == "Pending", "a pod that is bound meanwhile does not start"
    cut_off()
    assert state(pods.phase(name, "Failed"))["terminated"]["exitCode"] == 3
    pods.ready(late)


def test_a_pod_that_is_deleted_on_a_node_that_is_cut_off_stays_terminating(pods: Pods, cut_off: t.Callable[[], None]) -> None:
    name = pods.run("sleep", "60")
    pods.ready(name)
    cut_off()
    pods.delete(name, grace=1)
    time.sleep(2)
    assert pods.get(name)["metadata"]["deletionTimestamp"]
    assert not [e for e in pods.events(name) if e["reason"] == "Killing"]
    cut_off()
    pods.gone(name)
    pods.event(name, "Killing")


def test_what_the_node_controller_has_marked_is_set_right_when_the_node_is_back(pods: Pods, cut_off: t.Callable[[], None]) -> None:
    name = pods.run("sleep", "60")
    pods.ready(name)
    cut_off()
    marked = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    pods.api.patch(f"{pods.root}/pods/{name}/status", marked, kind="application/strategic-merge-patch+json")
    time.sleep(1)
    assert condition(pods.get(name), "Ready")["status"] == "False"
    cut_off()
    pods.ready(name)
    assert pods.get(name)["status"]["containerStatuses"][0]["restartCount"] == 0
