"""The chart on a real control plane by ``helm install`` alone, in a restricted namespace, as the documented operator."""

from __future__ import annotations

import collections.abc
import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import pathlib
import socket
import subprocess
import time
import typing as t

import pytest

from lab.testing import MakeNamespace, RunningLab
from tests.chart._render import CHART, HELMS, MODEL, Values, merge

RELEASE = "llama-3-8b-development"
OFTEN = {"periodSeconds": 2, "timeoutSeconds": 2}
#: Probed often and gone soon, so that tests are short; everything else is as the chart has it.
QUICK: Values = {
    "probes": {"startup": {**OFTEN, "failureThreshold": 30}, "readiness": OFTEN},
    "drain": {"preStopSeconds": 2, "shutdownTimeoutSeconds": 30, "terminationGracePeriodSeconds": 40},
}


@dataclasses.dataclass(frozen=True)
class ByHand:
    """A person with helm and kubectl, and the values that this person wrote into a file."""

    lab: RunningLab
    namespace: str
    helm: str
    folder: pathlib.Path

    def values(self, values: Values) -> list[str]:
        file = self.folder / "values.json"
        file.write_text(json.dumps(merge(merge(MODEL, QUICK), values)))
        return ["--values", str(CHART / "values-development.yaml"), "--values", str(file)]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(self.lab.bin / self.helm), "--namespace", self.namespace, *words]
        done = subprocess.run(command, env=self.lab.environ(), capture_output=True, text=True, timeout=180)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    def install(self, values: Values | None = None, verb: str = "install") -> str:
        return self.run(verb, RELEASE, str(CHART), *self.values(values or {})).stdout

    def kubectl(self, *words: str) -> str:
        return self.lab.kubectl("--namespace", self.namespace, *words).stdout

    def rollout(self, seconds: int = 90) -> None:
        self.kubectl("rollout", "status", f"deployment/{RELEASE}", f"--timeout={seconds}s")

    def there(self) -> list[str]:
        """What of the chart's kinds is in the namespace, by ``kind/name``; pods that end count until they are gone."""
        kinds = "deployments.apps,replicasets.apps,pods,services,serviceaccounts,networkpolicies,poddisruptionbudgets,persistentvolumeclaims"
        found = json.loads(self.kubectl("get", kinds, "-o", "json"))["items"]
        return sorted(f"{thing['kind']}/{thing['metadata']['name']}" for thing in found if thing["metadata"]["name"] != "default")

    @contextlib.contextmanager
    def reachable(self, port: int) -> collections.abc.Iterator[None]:
        """Forwards ``port`` to the Service while the block runs."""
        kubectl = [str(self.lab.bin / "kubectl"), "--kubeconfig", str(self.lab.kubeconfig()), "--namespace", self.namespace]
        command = [*kubectl, "port-forward", f"service/{RELEASE}", f"{port}:8000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
            assert forward.stdout
            assert "Forwarding" in forward.stdout.readline()
            try:
                yield
            finally:
                forward.terminate()


def wait(what: str, seen: t.Callable[[], t.Any], seconds: float = 60) -> t.Any:
    """The first true answer of ``seen``."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        last = seen()
        if last:
            return last
        time.sleep(0.5)
    return pytest.fail(f"{what}: not within {seconds} s, last seen {last!r}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(params=HELMS)
def hand(request: pytest.FixtureRequest, lab: RunningLab, make_namespace: MakeNamespace, tmp_path: pathlib.Path) -> ByHand:
    return ByHand(lab, make_namespace("development"), str(request.param), tmp_path)


@pytest.fixture
def hand3(lab: RunningLab, make_namespace: MakeNamespace, tmp_path: pathlib.Path) -> ByHand:
    return ByHand(lab, make_namespace("development"), "helm3", tmp_path)


def test_install_serve_test_and_uninstall(hand: ByHand) -> None:
    port = free_port()
    # No name of a Service resolves on this machine: the test pod reaches it as a forward proxy, which is the Service itself.
    values: Values = {
        "tests": {"env": [{"name": "http_proxy", "value": f"http://127.0.0.1:{port}"}]},
        "apiKey": {"existingSecret": {"name": "vllm-api-key", "key": "api-key"}},
        "networkPolicy": {"enabled": True},
        "podDisruptionBudget": {"enabled": True},
    }
    notes = hand.install(values)
    assert f"helm -n {hand.namespace} test {RELEASE}" in notes
    hand.rollout()
    with hand.reachable(port):
        assert "Phase:          Succeeded" in hand.run("test", RELEASE).stdout
    hand.run("uninstall", RELEASE)
    wait("the namespace is empty again", lambda: not hand.there())


def test_a_test_that_fails_says_why(hand3: ByHand) -> None:
    hand3.install({"tests": {"env": [{"name": "http_proxy", "value": f"http://127.0.0.1:{free_port()}"}]}})
    done = hand3.run("test", RELEASE, "--logs", check=False)
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert "/health: " in done.stdout


def test_the_same_values_again_restart_nothing(hand: ByHand) -> None:
    hand.install()
    hand.rollout()
    before = hand.there()
    hand.install(verb="upgrade")
    hand.install({"release": {"revision": "r2"}}, verb="upgrade")
    hand.rollout()
    assert hand.there() == before


def test_a_new_image_takes_over_without_a_gap(hand3: ByHand) -> None:
    hand3.install()
    hand3.rollout()
    hand3.install({"image": {"tag": "v0.31.0"}}, verb="upgrade")
    fewest = 1

    def ready() -> int:
        deployment = json.loads(hand3.kubectl("get", "deployment", RELEASE, "-o", "json"))
        return int(deployment["status"].get("readyReplicas", 0))

    def replaced() -> bool:
        nonlocal fewest
        fewest = min(fewest, ready())
        pods = json.loads(hand3.kubectl("get", "pods", "-o", "json"))["items"]
        return [pod["spec"]["containers"][0]["image"] for pod in pods] == ["vllm/vllm-openai:v0.31.0"]

    wait("only the new pod is left", replaced)
    assert fewest == 1


def test_a_pod_that_goes_finishes_what_it_began(hand3: ByHand) -> None:
    hand3.install({"env": [{"name": "LAB_ENGINE_ITL_MS", "value": "50"}]})
    hand3.rollout()
    port = free_port()
    body = {"model": "llama-3-8b", "prompt": "Hello", "max_tokens": 200, "ignore_eos": True}
    with hand3.reachable(port), concurrent.futures.ThreadPoolExecutor() as pool:
        # 200 tokens of 50 ms: 10 s, and the pod is told to go after 1 s of them.
        answer = pool.submit(complete, port, body)
        time.sleep(1)
        hand3.kubectl("delete", "pod", "--selector", f"app.kubernetes.io/instance={RELEASE}", "--wait=false")
        done = answer.result(timeout=60)
    assert done["usage"]["completion_tokens"] == 200
    assert done["choices"][0]["finish_reason"] == "length"


def complete(port: int, body: Values) -> Values:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer: Values = json.loads(connection.getresponse().read())
    return answer


def test_a_server_that_is_healthy_but_cannot_generate_never_joins_the_service(hand3: ByHand) -> None:
    hand3.install({"env": [{"name": "LAB_ENGINE_ERROR_RATE", "value": "1"}]})

    def said() -> list[str]:
        events = json.loads(hand3.kubectl("get", "events", "-o", "json"))["items"]
        return [event["message"] for event in events if "answered 500" in event["message"]]

    (message, *_) = wait("the startup probe says what it saw", said)
    assert "Startup probe failed: POST /v1/completions for 1 token answered 500" in message
    assert json.loads(hand3.kubectl("get", "deployment", RELEASE, "-o", "json"))["status"].get("readyReplicas", 0) == 0


@pytest.fixture
def volume(hand: ByHand) -> t.Iterator[str]:
    """A volume of its own class, so that only the claim of this test can take it; returns the class."""
    name = f"weights-{hand.namespace}"
    admin = hand.lab.client("admin")
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name, "hostPath": {"path": str(hand.folder / "weights")}}
    admin.create("/api/v1/persistentvolumes", {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    yield name
    admin.delete(f"/api/v1/persistentvolumes/{name}")


def test_the_cache_survives_the_release_and_is_taken_up_again(hand: ByHand, volume: str) -> None:
    values: Values = {"cache": {"type": "pvc", "size": "1Gi", "storageClassName": volume}, "rollout": {"strategy": "Recreate"}}
    hand.install(values)
    hand.rollout()
    hand.run("uninstall", RELEASE)
    wait("only the cache is left", lambda: hand.there() == [f"PersistentVolumeClaim/{RELEASE}"])
    hand.install(values)
    hand.rollout()
