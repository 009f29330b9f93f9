"""Startup, readiness and liveness probes, by HTTP, TCP and command, with their numbers."""

from __future__ import annotations

import time
import typing as t

from ._pods import IMAGE, Pods, condition, restarts, state

SERVER = """
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        gone = os.path.exists('broken')
        self.send_response(503 if gone else 200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')
        print(self.path, self.headers.get('X-Who'), self.headers.get('User-Agent'), flush=True)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(('', 8000), H).serve_forever()
"""
TCP = """
import os, socket, time
s = socket.create_server(('', 8001))
while not os.path.exists('/told/tcp'): time.sleep(0.05)
s.close()
time.sleep(60)
"""
PORT = [{"name": "http", "containerPort": 8000}]


def test_an_http_probe_makes_a_pod_ready_and_takes_it_back(pods: Pods) -> None:
    probe = {"httpGet": {"path": "/h?x=1", "port": "http", "httpHeaders": [{"name": "X-Who", "value": "me"}]}, "periodSeconds": 1, "failureThreshold": 2}
    name = pods.python(SERVER + "", ports=PORT, readinessProbe=probe)
    ready = condition(pods.ready(name), "Ready")
    assert "/h?x=1 me kube-probe/" in pods.logs(name)
    (pods.kubelet.state / "pods" / pods.get(name)["metadata"]["uid"] / "containers" / "c" / "0" / "root" / "broken").touch()
    lost = pods.until(name, lambda pod: condition(pod, "Ready")["status"] == "False")
    assert condition(lost, "Ready")["reason"] == "ContainersNotReady"
    assert condition(lost, "Ready")["message"] == "containers with unready status: [c]"
    assert condition(lost, "Ready")["lastTransitionTime"] >= ready["lastTransitionTime"]
    assert pods.event(name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count=2)["type"] == "Warning"
    assert state(lost)["running"], "a readiness probe never restarts"


def test_a_probe_of_a_closed_port_fails_in_the_words_of_a_kubelet(pods: Pods) -> None:
    http = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1}
    name = pods.run("sleep", "60", ports=PORT, readinessProbe=http, livenessProbe={"tcpSocket": {"port": 9000}, "periodSeconds": 1, "failureThreshold": 50})
    ip = pods.phase(name, "Running")["status"]["podIP"]
    pods.event(name, "Unhealthy", f'Readiness probe failed: Get "http://{ip}:8000/health": dial tcp {ip}:8000: connect: connection refused')
    pods.event(name, "Unhealthy", f"Liveness probe failed: dial tcp {ip}:9000: connect: connection refused")


def test_a_probe_times_out(pods: Pods) -> None:
    silent = "import socket, time; s = socket.create_server(('', 8000)); time.sleep(60)"
    slow = {"exec": {"command": ["sleep", "30"]}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 50}
    name = pods.python(silent, ports=PORT, readinessProbe={"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}, livenessProbe=slow)
    ip = pods.phase(name, "Running")["status"]["podIP"]
    pods.event(
        name, "Unhealthy", f'Readiness probe failed: Get "http://{ip}:8000/": context deadline exceeded .Client.Timeout exceeded while awaiting headers.'
    )
    pods.event(name, "Unhealthy", 'Liveness probe failed: command timed out: "sleep 30" timed out after 1s')


def test_an_exec_probe_runs_in_the_container_and_shows_its_output(pods: Pods) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo answer $ANSWER; echo wrong >&2; test -f ok"]}, "periodSeconds": 1}
    name = pods.run("sh", "-c", "sleep 1.5; touch ok; sleep 60", env=[{"name": "ANSWER", "value": "42"}], readinessProbe=probe)
    pods.event(name, "Unhealthy", "Readiness probe failed: answer 42\nwrong\n")
    pods.ready(name)


def test_a_command_that_is_not_there_counts_neither_way(pods: Pods) -> None:
    name = pods.run("sleep", "60", livenessProbe={"exec": {"command": ["nosuch"]}, "periodSeconds": 1, "failureThreshold": 1})
    pods.event(name, "Unhealthy", "Liveness probe errored and resulted in unknown state: rpc error: .*executable file not found in .PATH", count=2)
    pod = pods.get(name)
    assert state(pod)["running"]
    assert restarts(pod) == 0


def test_a_failed_startup_probe_restarts_and_holds_the_others_back(pods: Pods) -> None:
    startup = {"tcpSocket": {"port": 8000}, "periodSeconds": 1, "failureThreshold": 3}
    readiness = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    began = time.monotonic()
    name = pods.run("sleep", "60", ports=PORT, startupProbe=startup, readinessProbe=readiness)
    pods.event(name, "Killing", "Container c failed startup probe, will be restarted")
    assert time.monotonic() - began >= 2, "three failures a second apart"
    assert pods.event(name, "Unhealthy", "Startup probe failed: .*", count=3)["count"] == 3
    pod = pods.until(name, lambda pod: restarts(pod) == 1)
    status = pod["status"]["containerStatuses"][0]
    assert (status["started"], status["ready"]) == (False, False)
    assert status["lastState"]["terminated"]["exitCode"] == 143


def test_readiness_counts_only_after_startup_and_its_initial_delay(pods: Pods) -> None:
    code = "import time; time.sleep(1.2)\n" + SERVER
    startup = {"httpGet": {"path": "/startup", "port": 8000}, "periodSeconds": 1, "failureThreshold": 30}
    readiness = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1, "successThreshold": 2, "initialDelaySeconds": 3}
    name = pods.python(code, ports=PORT, startupProbe=startup, readinessProbe=readiness)
    pod = pods.ready(name)
    seen = pods.logs(name).split("\n")
    assert seen[0].startswith("/startup")
    assert [line.split()[0] for line in seen if line].count("/startup") == 1, "no startup probe after it has passed"
    running = time.mktime(time.strptime(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"], "%Y-%m-%dT%H:%M:%SZ"))
    became = time.mktime(time.strptime(condition(pod, "Ready")["lastTransitionTime"], "%Y-%m-%dT%H:%M:%SZ"))
    assert became - running >= 4, "three seconds of delay and two successes a second apart"


def test_a_failed_liveness_probe_restarts_with_the_probes_own_grace(pods: Pods) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); open('broken', 'w'); time.sleep(60)"
    probe = {"exec": {"command": ["sh", "-c", "! test -f broken"]}, "periodSeconds": 1, "failureThreshold": 2, "terminationGracePeriodSeconds": 3}
    name = pods.python(stubborn, pod={"terminationGracePeriodSeconds": 30}, livenessProbe=probe)
    pods.event(name, "Killing", "Container c failed liveness probe, will be restarted")
    began = time.monotonic()
    pod = pods.until(name, lambda pod: restarts(pod) == 1)
    assert 2 <= time.monotonic() - began < 25
    assert state(pod, field="lastState")["terminated"]["exitCode"] == 137


def test_each_kind_of_handler_holds_a_container_back_and_restarts_it(pods: Pods) -> None:
    """One container for each; all pass their startup probe, and fail their liveness probe as soon as they are told to."""
    handlers: dict[str, dict[str, t.Any]] = {
        "http": {"httpGet": {"path": "/", "port": 8000}},
        "tcp": {"tcpSocket": {"port": 8001}},
        "exec": {"exec": {"command": ["sh", "-c", "! test -f /told/exec"]}},
    }
    serve = SERVER.replace("'broken'", "'/told/http'")
    commands = {"http": ["python3", "-u", "-c", serve], "tcp": ["python3", "-c", TCP], "exec": ["sleep", "60"]}
    place = f"{pods.namespace}-told"
    common = {"image": IMAGE, "volumeMounts": [{"name": "h", "mountPath": "/told"}]}
    containers: list[dict[str, t.Any]] = [
        {
            **common,
            "name": name,
            "command": commands[name],
            "startupProbe": {**handler, "periodSeconds": 1, "failureThreshold": 60},
            "livenessProbe": {**handler, "periodSeconds": 1, "failureThreshold": 1},
        }
        for name, handler in handlers.items()
    ]
    volumes = [{"name": "h", "hostPath": {"path": f"/{place}", "type": "DirectoryOrCreate"}}]
    name = pods.create({"volumes": volumes, "containers": containers, "terminationGracePeriodSeconds": 1})
    pods.until(name, lambda pod: [c["started"] for c in pod["status"].get("containerStatuses") or []] == [True] * 3)
    assert [c["restartCount"] for c in pods.get(name)["status"]["containerStatuses"]] == [0, 0, 0]
    for kind in handlers:
        (pods.kubelet.state / "host" / place / kind).touch()
        pods.event(name, "Killing", f"Container {kind} failed liveness probe, will be restarted")
