"""The status that the API shows, and the environment and image of a container."""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import pytest

from lab.kubelet import env, images, network, status
from lab.kubelet.types import ConfigError, Container, Exit, ImageError, Json, Kind, Run

STORE = pathlib.Path(__file__).parents[3] / "images"


def pod(**spec: t.Any) -> Json:
    metadata = {"name": "p", "namespace": "n", "uid": "u", "generation": 3, "labels": {"a": 'b"c'}}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c"}], "nodeName": "gpu-0", **spec}, "status": {}}


def facts(the_pod: Json, **more: t.Any) -> status.Facts:
    return status.Facts(the_pod, 1000.0, "10.244.0.5", "127.0.0.1", "1970-01-01T00:00:00Z", **more)


def running(kind: Kind = Kind.MAIN, name: str = "c", *, ready: bool = True) -> Container:
    made = Container({"name": name, "image": "i"}, kind, attempts=1, started=True, ready=ready)
    made.run = Run(0, "process://x", 1, 1, 1, 900.0, pathlib.Path("/nowhere"))
    return made


def ended(code: int, kind: Kind = Kind.MAIN, name: str = "c") -> Container:
    return Container({"name": name, "image": "i"}, kind, attempts=1, exits=[Exit(code, "Completed" if code == 0 else "Error", 1.0, 2.0, "process://x")])


def shown(wanted: Json, kind: str) -> tuple[str, t.Any, t.Any]:
    found = next(c for c in wanted["conditions"] if c["type"] == kind)
    return found["status"], found["reason"], found["message"]


def test_a_pod_whose_containers_are_ready_is_ready() -> None:
    built = status.build(facts(pod()), [running()])
    assert (built["phase"], built["podIP"], built["observedGeneration"]) == ("Running", "10.244.0.5", 3)
    assert {c["type"]: c["status"] for c in built["conditions"]} == dict.fromkeys(status.OWNED, "True")


def test_an_unready_container_is_named() -> None:
    built = status.build(facts(pod()), [running(ready=False), running(name="d")])
    assert shown(built, "Ready") == shown(built, "ContainersReady") == ("False", "ContainersNotReady", "containers with unready status: [c]")


def test_a_time_of_transition_moves_only_with_the_status() -> None:
    before = {"type": "Ready", "status": "True", "lastTransitionTime": "then"}
    the_pod = {**pod(), "status": {"conditions": [before]}}
    kept = next(c for c in status.build(facts(the_pod), [running()])["conditions"] if c["type"] == "Ready")
    moved = next(c for c in status.build(facts(the_pod), [running(ready=False)])["conditions"] if c["type"] == "Ready")
    assert (kept["lastTransitionTime"], moved["lastTransitionTime"]) == ("then", "1970-01-01T00:16:40Z")


def test_a_readiness_gate_holds_a_ready_pod_back() -> None:
    gated = pod(readinessGates=[{"conditionType": "example.com/x"}])
    built = status.build(facts(gated), [running()])
    message = 'corresponding condition of pod readiness gate "example.com/x" does not exist.'
    assert shown(built, "Ready") == ("False", "ReadinessGatesNotReady", message)
    assert shown(built, "ContainersReady")[0] == "True"


@pytest.mark.parametrize(
    ("containers", "policy", "phase"),
    [
        ([Container({"name": "c"}, Kind.MAIN)], "Always", "Pending"),
        ([running()], "Always", "Running"),
        ([running(), Container({"name": "d"}, Kind.MAIN)], "Always", "Pending"),
        ([ended(1)], "Always", "Running"),
        ([ended(0)], "Always", "Running"),
        ([ended(1)], "OnFailure", "Running"),
        ([ended(0)], "OnFailure", "Succeeded"),
        ([ended(1)], "Never", "Failed"),
        ([ended(0), ended(2, name="d")], "Never", "Failed"),
        ([running(Kind.SIDECAR, "s"), ended(0)], "Never", "Running"),
        ([ended(1, Kind.INIT, "i"), Container({"name": "c"}, Kind.MAIN)], "Never", "Failed"),
        ([ended(1, Kind.INIT, "i"), Container({"name": "c"}, Kind.MAIN)], "Always", "Pending"),
    ],
)
def test_the_phase_follows_from_the_containers(containers: list[Container], policy: str, phase: str) -> None:
    assert status.phase(containers, policy) == phase


def test_a_terminal_phase_is_never_left_and_a_verdict_fails_the_pod() -> None:
    assert status.build(facts({**pod(), "status": {"phase": "Failed"}}), [running()])["phase"] == "Failed"
    built = status.build(facts(pod(), verdict=("DeadlineExceeded", "too long")), [running()])
    assert (built["phase"], built["reason"], built["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_a_deleted_pod_that_never_ran_ends_as_failed() -> None:
    assert status.build(facts(pod(), over=True), [Container({"name": "c"}, Kind.MAIN)])["phase"] == "Failed"
    assert status.build(facts(pod(), over=True), [ended(0)])["phase"] == "Succeeded"


def test_a_waiting_container_shows_its_last_exit() -> None:
    crashed = ended(3)
    crashed.waiting = ("CrashLoopBackOff", "back-off 10s")
    built = status.build(facts(pod()), [crashed])["containerStatuses"][0]
    assert built["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert built["lastState"]["terminated"]["exitCode"] == 3
    assert built["restartCount"] == 0


# Environment.


def about(the_pod: Json, **objects: Json | None) -> env.Facts:
    held = {tuple(name.split("_")): value for name, value in objects.items()}
    return env.Facts(the_pod, "10.244.0.5", "127.0.0.1", {"memory": "8Gi", "cpu": "4"}, t.cast(t.Any, held))


def secret(**data: str) -> Json:
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def test_later_variables_win_and_may_name_earlier_ones() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}, "prefix": "S_"}],
        "env": [{"name": "A", "value": "own"}, {"name": "B", "value": "$(A) $(S_k) $(LATER)"}, {"name": "LATER", "value": "x"}, {"name": "EMPTY"}],
    }
    made = env.environment(container, about(pod(), configmap_m={"data": {"A": "from map"}}, secret_s=secret(k="v")))
    assert made == {"A": "own", "S_k": "v", "B": "own v $(LATER)", "LATER": "x", "EMPTY": ""}


def test_every_object_that_is_needed_is_named() -> None:
    container = {
        "envFrom": [{"secretRef": {"name": "a"}}],
        "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "k"}}}, {"name": "Y", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
    }
    assert env.references(container) == {("secret", "a"), ("configmap", "b")}


def test_what_is_missing_is_said_as_the_kubelet_says_it() -> None:
    def ask(field: str, key: str, **more: t.Any) -> Json:
        return {"env": [{"name": "X", "valueFrom": {field: {"name": "s", "key": key, **more}}}]}

    with pytest.raises(ConfigError, match=r'^secret "s" not found$'):
        env.environment(ask("secretKeyRef", "k"), about(pod(), secret_s=None))
    with pytest.raises(ConfigError, match=r"^couldn't find key k in Secret n/s$"):
        env.environment(ask("secretKeyRef", "k"), about(pod(), secret_s=secret()))
    with pytest.raises(ConfigError, match=r"^couldn't find key k in ConfigMap n/s$"):
        env.environment(ask("configMapKeyRef", "k"), about(pod(), configmap_s={"data": {}}))
    assert env.environment(ask("secretKeyRef", "k", optional=True), about(pod(), secret_s=None)) == {}


def test_fields_and_resources_are_read_from_the_pod_and_its_node() -> None:
    knows = about(pod(serviceAccountName="sa"))
    assert env.field("metadata.labels['a']", knows) == 'b"c'
    assert env.field("metadata.labels", knows) == 'a="b\\"c"'
    assert env.field("spec.serviceAccountName", knows) == "sa"
    container = {"name": "c", "resources": {"limits": {"cpu": "1500m"}}}
    assert env.resource({"resource": "limits.cpu"}, container, knows) == "2"
    assert env.resource({"resource": "limits.cpu", "divisor": "1m"}, container, knows) == "1500"
    assert env.resource({"resource": "limits.memory", "divisor": "1Gi"}, container, knows) == "8", "without a limit, what the node has"


# Images.


def test_a_short_name_is_one_of_docker_io() -> None:
    assert images.reference("vllm/vllm-openai:v1").full == "docker.io/vllm/vllm-openai:v1"
    assert images.reference("busybox").full == "docker.io/library/busybox:latest"
    assert images.reference("localhost:5000/a/b@sha256:" + "0" * 64).base == "localhost:5000/a/b"


@pytest.mark.parametrize("name", ["", "UPPER:1", "a b", "a:", "a@", "a@sha256:12", "-a:1", "a:b:c"])
def test_what_is_no_image_name_is_refused(name: str) -> None:
    with pytest.raises(ImageError) as error:
        images.reference(name)
    assert error.value.reason == "InvalidImageName"


def test_an_image_is_found_by_tag_and_by_digest_and_not_by_another(tmp_path: pathlib.Path) -> None:
    digests = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
    (tmp_path / "x" / "bin").mkdir(parents=True)
    (tmp_path / "x" / "image.json").write_text(json.dumps({"repository": "a/x", "tags": ["one", "two"], "digests": digests, "entrypoint": ["run"]}))
    two = images.find(tmp_path, "a/x:two")
    assert (two.id, two.entrypoint) == (f"docker.io/a/x@{digests[1]}", ("run",))
    assert images.find(tmp_path, f"docker.io/a/x@{digests[0]}").id.endswith(digests[0])
    for name, words in (
        ("a/x:three", "code = NotFound"),
        ("a/x", "code = NotFound"),
        ("a/x@sha256:" + "3" * 64, "NotFound"),
        ("a/y:one", "pull access denied"),
    ):
        with pytest.raises(ImageError, match=words):
            images.find(tmp_path, name)


def test_every_image_of_the_store_can_be_found() -> None:
    for file in STORE.glob("*/image.json"):
        about_it = json.loads(file.read_text())
        for tag in about_it["tags"]:
            assert images.find(STORE, f"{about_it['repository']}:{tag}").bin.is_dir()


@pytest.mark.parametrize(
    ("context", "user", "words"),
    [
        ({"runAsNonRoot": True}, "root", "image will run as root"),
        ({"runAsNonRoot": True, "runAsUser": 0}, "1000", "runAsUser breaks non-root policy"),
        ({"runAsNonRoot": True}, "vllm", r"non-numeric user \(vllm\)"),
    ],
)
def test_root_is_refused_where_it_must_not_be(context: Json, user: str, words: str) -> None:
    image = images.Image("i", "i", pathlib.Path(), (), (), user, {}, 0)
    with pytest.raises(ConfigError, match=words):
        images.refuse_root(pod(securityContext=context), {"name": "c"}, image)
    images.refuse_root(pod(securityContext={"runAsNonRoot": True}), {"name": "c", "securityContext": {"runAsUser": 1000}}, image)
    images.refuse_root(pod(), {"name": "c"}, image)


# Ports.


def test_ports_are_those_that_are_declared_and_those_that_probes_name() -> None:
    spec: Json = {
        "initContainers": [{"name": "s", "ports": [{"containerPort": 9000}]}],
        "containers": [
            {
                "name": "c",
                "ports": [{"containerPort": 8000, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
                "livenessProbe": {"tcpSocket": {"port": 8001}},
                "startupProbe": {"httpGet": {"port": "http"}},
                "lifecycle": {"preStop": {"httpGet": {"port": 8002}}},
            }
        ],
    }
    assert network.container_ports(spec) == [9000, 8000, 8001, 8002]
    assert network.resolve("http", spec["containers"][0]) == 8000
    with pytest.raises(ValueError, match="couldn't find port: nope"):
        network.resolve("nope", spec["containers"][0])


def test_addresses_and_ports_are_handed_out_once() -> None:
    addresses = network.Addresses()
    ips, ports = {addresses.ip() for _ in range(200)}, [addresses.port() for _ in range(50)]
    assert len(ips) == 200
    assert len(set(ports)) == 50
    assert not any(ip.startswith("127.") for ip in ips)
