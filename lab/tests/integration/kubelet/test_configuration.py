"""What a container is started with: command, environment, volumes, folders."""

from __future__ import annotations

import base64
import json
import typing as t

from lab._client import Client

from ._pods import IMAGE, Pods, condition, state

SHOW = "import json, os, sys; print(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}))"

FETCH = """
import time, urllib.request
for _ in range(50):
    try:
        print(urllib.request.urlopen('http://localhost:8000/f').read())
        break
    except OSError:
        time.sleep(0.1)
time.sleep(60)
"""


def shown(pods: Pods, **container: t.Any) -> t.Any:
    """What a program of the container sees of its start."""
    name = pods.run("python3", "-c", SHOW, pod={"restartPolicy": "Never"}, **container)
    return json.loads(pods.output(name))


def secret(pods: Pods, name: str, **data: str) -> None:
    body = {"metadata": {"name": name}, "data": {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in data.items()}}
    pods.api.create(f"{pods.root}/secrets", {"apiVersion": "v1", "kind": "Secret", **body})


def config_map(pods: Pods, name: str, **data: str) -> None:
    pods.api.create(f"{pods.root}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def test_arguments_follow_the_command_and_references_are_expanded(pods: Pods) -> None:
    env = [{"name": "A", "value": "one"}, {"name": "B", "value": "$(A)-two $(MISSING) $$(A)"}]
    seen = shown(pods, args=["$(A)", "x$(B)", "$(NOPE)", "$$(A)"], env=env)
    assert seen["argv"] == ["one", "xone-two $(MISSING) $(A)", "$(NOPE)", "$(A)"]
    assert seen["env"]["B"] == "one-two $(MISSING) $(A)"


def test_an_image_without_command_runs_its_own(pods: Pods) -> None:
    name = pods.create({"restartPolicy": "Never", "containers": [{"name": "c", "image": IMAGE}]})
    assert "no program of its own" in pods.output(name)


def test_environment_comes_from_secrets_and_config_maps_by_key_and_whole(pods: Pods) -> None:
    secret(pods, "s", token="sesame", other="second")
    config_map(pods, "m", color="blue", size="9")
    env = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
        {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "color"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "k", "optional": True}}},
        {"name": "size", "value": "own wins"},
    ]
    seen = shown(pods, env=env, envFrom=[{"prefix": "S_", "secretRef": {"name": "s"}}, {"configMapRef": {"name": "m"}}])["env"]
    assert (seen["TOKEN"], seen["COLOR"], seen["S_other"], seen["color"], seen["size"]) == ("sesame", "blue", "second", "blue", "own wins")
    assert "NONE" not in seen


def test_environment_comes_from_fields_and_resources(pods: Pods) -> None:
    fields = {"NAME": "metadata.name", "SPACE": "metadata.namespace", "IP": "status.podIP", "NODE": "spec.nodeName", "HOST": "status.hostIP"}
    env: list[dict[str, t.Any]] = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    env.append({"name": "MIB", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}})
    env.append({"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}})
    resources = {"limits": {"memory": "256Mi", "cpu": "1500m"}, "requests": {"cpu": "1200m"}}
    name = pods.run("python3", "-c", SHOW, pod={"restartPolicy": "Never"}, env=env, resources=resources)
    seen = json.loads(pods.output(name))["env"]
    assert (seen["NAME"], seen["SPACE"], seen["NODE"], seen["HOST"]) == (name, pods.namespace, pods.kubelet.node, "127.0.0.1")
    assert (seen["MIB"], seen["CPU"]) == ("256", "2")
    assert seen["IP"] == pods.get(name)["status"]["podIP"]
    assert seen["IP"].startswith("10.244.")


def test_service_links_are_there_only_when_asked_for(pods: Pods) -> None:
    service = {"metadata": {"name": "vllm"}, "spec": {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 8000}]}}
    pods.api.create(f"{pods.root}/services", {"apiVersion": "v1", "kind": "Service", **service})
    linked = pods.run("python3", "-c", SHOW, pod={"restartPolicy": "Never", "enableServiceLinks": True})
    alone = pods.run("python3", "-c", SHOW, pod={"restartPolicy": "Never"})
    with_links, without = (json.loads(pods.output(name))["env"] for name in (linked, alone))
    address = pods.api.get(f"{pods.root}/services/vllm")["spec"]["clusterIP"]
    assert with_links["VLLM_PORT"] == f"tcp://{address}:8000", "the name that makes a real vLLM fail"
    assert with_links["VLLM_SERVICE_PORT_HTTP"] == "8000"
    assert "VLLM_PORT" not in without
    assert "KUBERNETES_SERVICE_HOST" in without


def test_nothing_of_the_kubelets_own_environment_reaches_a_container(pods: Pods) -> None:
    seen = shown(pods)
    assert {name for name in seen["env"] if not name.startswith(("KUBERNETES_", "LAB_"))} <= {"HOME", "HOSTNAME", "PATH", "PYTHONPATH", "LC_CTYPE", "PWD"}
    assert seen["env"]["HOME"] == seen["cwd"], "a private folder is HOME and working directory"
    assert str(pods.kubelet.state) in seen["cwd"]


def test_volumes_are_reachable_by_their_mount_path_in_arguments_and_environment(pods: Pods) -> None:
    secret(pods, "s", token="sesame")
    config_map(pods, "m", **{"a.txt": "alpha", "b.txt": "beta"})
    volumes = [
        {"name": "e", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
        {"name": "m", "configMap": {"name": "m", "items": [{"key": "a.txt", "path": "deep/a"}]}},
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "m"}}, {"secret": {"name": "s"}}]}},
        {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "h", "hostPath": {"path": "/models", "type": "DirectoryOrCreate"}},
    ]
    mounts = [{"name": v["name"], "mountPath": f"/mnt/{v['name']}"} for v in volumes]
    mounts.append({"name": "m", "mountPath": "/etc/one", "subPath": "deep/a"})
    reads = "cat /mnt/m/deep/a /etc/one /mnt/s/token /mnt/p/b.txt /mnt/p/token /mnt/d/labels"
    script = f"set -e; {reads}; echo x > /mnt/e/f; cat $FILE; echo y > /mnt/shm/f; echo z > /mnt/h/f"
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", script], "env": [{"name": "FILE", "value": "/mnt/e/f"}], "volumeMounts": mounts}
    name = pods.create({"restartPolicy": "Never", "volumes": volumes, "containers": [container]}, labels={"tier": "gpu"})
    assert pods.output(name) == 'alphaalphasesamebetasesametier="gpu"x\n'
    assert pods.phase(name, "Succeeded")
    assert (pods.kubelet.state / "host" / "models" / "f").read_text() == "z\n", "a host path lies under the lab's own folder"


def test_containers_of_a_pod_share_its_volumes_and_its_ports(pods: Pods) -> None:
    volumes = [{"name": "e", "emptyDir": {}}]
    mounts = [{"name": "e", "mountPath": "/data"}]
    write = {"name": "init", "image": IMAGE, "command": ["sh", "-c", "echo from init > /data/f"], "volumeMounts": mounts}
    serve = {"name": "a", "image": IMAGE, "command": ["sh", "-c", "cd /data; exec python3 -m http.server 8000"], "ports": [{"containerPort": 8000}]}
    ask = {"name": "b", "image": IMAGE, "command": ["python3", "-u", "-c", FETCH]}
    name = pods.create({"volumes": volumes, "initContainers": [write], "containers": [{**serve, "volumeMounts": mounts}, ask]})
    pods.phase(name, "Running")
    pods.until(name, lambda _: "from init" in pods.logs(name, "-c", "b"))


def test_a_service_account_token_is_real(pods: Pods, api: Client) -> None:
    name = pods.run("cat", "/var/run/secrets/kubernetes.io/serviceaccount/token", pod={"restartPolicy": "Never"})
    review = api.create("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": pods.output(name).strip()}})
    assert review["status"]["user"]["username"] == f"system:serviceaccount:{pods.namespace}:default"


def test_a_missing_volume_source_holds_the_pod_back_until_it_is_there(pods: Pods) -> None:
    volumes = [{"name": "m", "configMap": {"name": "late"}}]
    name = pods.create({"volumes": volumes, "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "60"]}]})
    event = pods.event(name, "FailedMount", count=2)
    assert event["message"] == 'MountVolume.SetUp failed for volume "m" : configmap "late" not found'
    pod = pods.get(name)
    assert state(pod)["waiting"]["reason"] == "ContainerCreating"
    assert condition(pod, "PodReadyToStartContainers")["status"] == "False"
    config_map(pods, "late", a="b")
    pods.ready(name)


def test_a_missing_secret_or_key_is_create_container_config_error_until_it_is_there(pods: Pods) -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]
    name = pods.run("sleep", "60", env=env)
    pod = pods.waiting(name, "CreateContainerConfigError")
    assert state(pod)["waiting"]["message"] == 'secret "late" not found'
    assert pods.event(name, "Failed", 'Error: secret "late" not found', count=2)["type"] == "Warning"
    secret(pods, "late", other="x")
    pods.event(name, "Failed", f"Error: couldn't find key k in Secret {pods.namespace}/late")
    pods.api.patch(f"{pods.root}/secrets/late", {"data": {"k": base64.b64encode(b"v").decode()}})
    pods.ready(name)
    assert pods.get(name)["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_root_image_is_refused_where_the_pod_must_not_run_as_root(pods: Pods) -> None:
    name = pods.run("sleep", "60", pod={"securityContext": {"runAsNonRoot": True}})
    pod = pods.waiting(name, "CreateContainerConfigError")
    uid = pod["metadata"]["uid"]
    message = f'container has runAsNonRoot and image will run as root (pod: "{name}_{pods.namespace}({uid})", container: c)'
    assert state(pod)["waiting"]["message"] == message
    pods.ready(pods.run("sleep", "60", pod={"securityContext": {"runAsNonRoot": True, "runAsUser": 1000}}))
