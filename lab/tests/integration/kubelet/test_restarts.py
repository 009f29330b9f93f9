"""How containers end and start again; what stands in the way of a start."""

from __future__ import annotations

import typing as t

import pytest

from ._pods import HUNGRY, IMAGE, Pods, condition, restarts, state


@pytest.mark.parametrize(("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 7, "Failed"), ("OnFailure", 0, "Succeeded")])
def test_a_pod_that_does_not_restart_ends_with_its_exit_code(pods: Pods, policy: str, code: int, phase: str) -> None:
    name = pods.run("sh", "-c", f"exit {code}", pod={"restartPolicy": policy})
    pod = pods.phase(name, phase)
    ended = state(pod)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, "Completed" if code == 0 else "Error")
    assert condition(pod, "Ready")["reason"] == ("PodCompleted" if code == 0 else "PodFailed")
    assert ended["containerID"] == pod["status"]["containerStatuses"][0]["containerID"]


def test_a_pod_restarts_on_failure_until_it_succeeds(pods: Pods) -> None:
    volumes, mounts = [{"name": "e", "emptyDir": {}}], [{"name": "e", "mountPath": "/data"}]
    script = "test -f /data/once || { touch /data/once own; exit 1; }; test ! -f own"
    name = pods.run("sh", "-c", script, pod={"restartPolicy": "OnFailure", "volumes": volumes}, volumeMounts=mounts)
    pod = pods.phase(name, "Succeeded")
    assert restarts(pod) == 1
    assert state(pod, field="lastState")["terminated"]["exitCode"] == 1


def test_a_crashing_container_backs_off_twice_as_long_each_time(pods: Pods) -> None:
    name = pods.run("sh", "-c", "echo try; exit 3")
    uid = pods.get(name)["metadata"]["uid"]
    first = pods.waiting(name, "CrashLoopBackOff")
    where = f"restarting failed container=c pod={name}_{pods.namespace}({uid})"
    assert first["status"]["containerStatuses"][0]["restartCount"] == 1, "the first restart is immediate"
    assert state(first)["waiting"]["message"] == f"back-off 1s {where}"
    assert state(first, field="lastState")["terminated"]["exitCode"] == 3
    assert first["status"]["phase"] == "Running"
    pods.until(name, lambda pod: (state(pod).get("waiting") or {}).get("message") == f"back-off 2s {where}")
    pods.until(name, lambda pod: (state(pod).get("waiting") or {}).get("message") == f"back-off 4s {where}")
    event = pods.event(name, "BackOff", count=3)
    assert event["message"] == f"Back-off restarting failed container c in pod {name}_{pods.namespace}({uid})"
    assert (event["type"], event["involvedObject"]["fieldPath"]) == ("Warning", "spec.containers{c}")
    assert (event["source"], event["reportingComponent"]) == ({"component": "kubelet", "host": pods.kubelet.node}, "kubelet")
    assert pods.event(name, "Started", "Container started", count=4)["count"] == 4
    assert pods.event(name, "Created", "Container created", count=4)["firstTimestamp"] <= event["lastTimestamp"]


def test_a_termination_message_is_taken_from_its_file_or_from_the_log(pods: Pods) -> None:
    said = pods.run("sh", "-c", "echo last words > /dev/termination-log; exit 1", pod={"restartPolicy": "Never"})
    own = pods.run("sh", "-c", "printf here > /tmp-own/why; exit 1", pod={"restartPolicy": "Never"}, terminationMessagePath="/tmp-own/why")
    log = pods.run("sh", "-c", "echo one; echo two >&2; exit 1", pod={"restartPolicy": "Never"}, terminationMessagePolicy="FallbackToLogsOnError")
    assert state(pods.phase(said, "Failed"))["terminated"]["message"] == "last words\n"
    assert state(pods.phase(own, "Failed"))["terminated"]["message"] == "here"
    assert state(pods.phase(log, "Failed"))["terminated"]["message"] == "one\ntwo\n"


def test_a_container_above_its_memory_limit_is_oom_killed_with_all_it_started(pods: Pods) -> None:
    name = pods.python(HUNGRY, pod={"restartPolicy": "Never"}, resources={"limits": {"memory": "64Mi"}})
    ended = state(pods.phase(name, "Failed"))["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    modest = pods.python("x = bytearray(b'a') * (20 << 20)", pod={"restartPolicy": "Never"}, resources={"limits": {"memory": "64Mi"}})
    pods.phase(modest, "Succeeded")


def test_an_unknown_image_is_err_image_pull_then_back_off(pods: Pods) -> None:
    name = pods.create({"containers": [{"name": "c", "image": "vllm/vllm-openai:v0.0.0-nope"}]})
    pod = pods.waiting(name, "ErrImagePull")
    full = "docker.io/vllm/vllm-openai:v0.0.0-nope"
    said = f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
    assert state(pod)["waiting"]["message"] == said
    assert (pod["status"]["phase"], condition(pod, "PodReadyToStartContainers")["status"]) == ("Pending", "True")
    pods.event(name, "Pulling", 'Pulling image "vllm/vllm-openai:v0.0.0-nope"')
    assert pods.event(name, "Failed", "Failed to pull image.*")["message"] == f'Failed to pull image "vllm/vllm-openai:v0.0.0-nope": {said}'
    pods.event(name, "Failed", "Error: ErrImagePull")
    again = pods.waiting(name, "ImagePullBackOff")
    assert state(again)["waiting"]["message"] == f'Back-off pulling image "vllm/vllm-openai:v0.0.0-nope": ErrImagePull: {said}'
    assert pods.event(name, "BackOff", 'Back-off pulling image "vllm/vllm-openai:v0.0.0-nope"')["type"] == "Normal"
    pods.event(name, "Failed", "Error: ImagePullBackOff")
    pods.event(name, "Pulling", count=2)


def test_an_unknown_repository_looks_like_a_private_one(pods: Pods) -> None:
    name = pods.create({"containers": [{"name": "c", "image": "registry.example.com:5000/team/nothing"}]})
    message = state(pods.waiting(name, "ErrImagePull"))["waiting"]["message"]
    assert 'image "registry.example.com:5000/team/nothing:latest"' in message
    assert "pull access denied, repository does not exist or may require authorization" in message


def test_an_image_name_that_is_none_and_an_image_that_is_never_pulled(pods: Pods) -> None:
    wrong = pods.create({"containers": [{"name": "c", "image": "UPPER/case:1"}]})
    assert state(pods.waiting(wrong, "InvalidImageName"))["waiting"]["message"].startswith('Failed to apply default image tag "UPPER/case:1": couldn\'t parse')
    pods.event(wrong, "InspectFailed", "Failed to apply default image tag.*")
    never = pods.create({"containers": [{"name": "c", "image": "lab/tools:nonroot", "imagePullPolicy": "Never"}]})
    said = 'Container image "lab/tools:nonroot" is not present with pull policy of Never'
    assert state(pods.waiting(never, "ErrImageNeverPull"))["waiting"]["message"] == said
    pods.event(never, "ErrImageNeverPull", said)


def test_a_corrected_image_starts_without_waiting_for_the_back_off(pods: Pods) -> None:
    name = pods.create({"containers": [{"name": "c", "image": "lab/tools:nope", "command": ["sleep", "60"]}]})
    pods.waiting(name, "ImagePullBackOff")
    pods.api.patch(f"{pods.root}/pods/{name}", {"spec": {"containers": [{"name": "c", "image": IMAGE}]}}, kind="application/strategic-merge-patch+json")
    pod = pods.ready(name)
    assert pod["status"]["containerStatuses"][0]["image"] == f"docker.io/{IMAGE}"
    assert "@sha256:" in pod["status"]["containerStatuses"][0]["imageID"]
    assert pod["status"]["observedGeneration"] == pod["metadata"]["generation"] == 2


def test_a_program_that_is_not_in_the_image_cannot_be_started(pods: Pods) -> None:
    name = pods.run("nosuchprogram")
    pod = pods.until(name, lambda pod: (state(pod, field="lastState").get("terminated") or {}).get("reason") == "StartError")
    ended = state(pod, field="lastState")["terminated"]
    assert ended["exitCode"] == 128
    assert ended["message"].endswith('exec: "nosuchprogram": executable file not found in $PATH: unknown')
    pods.event(name, "Failed", "Error: failed to create containerd task: .*")
    pods.waiting(name, "CrashLoopBackOff")


def test_init_containers_run_in_order_and_a_sidecar_stays(pods: Pods) -> None:
    mounts = [{"name": "e", "mountPath": "/data"}]

    def container(name: str, script: str, **more: object) -> dict[str, object]:
        return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], "volumeMounts": mounts, **more}

    endless = "trap 'echo sidecar stops >> /data/log; exit 0' TERM; while :; do sleep 0.05; done"
    probe = {"exec": {"command": ["test", "-f", "/data/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    inits = [
        container("first", "sleep 0.3; echo first >> /data/log"),
        container("side", f"echo side >> /data/log; (sleep 1; touch /data/up) & {endless}", restartPolicy="Always", startupProbe=probe),
        container("second", "test -f /data/up && echo second >> /data/log"),
    ]
    main = container("main", "echo main >> /data/log; sleep 1; cat /data/log")
    name = pods.create({"restartPolicy": "Never", "volumes": [{"name": "e", "emptyDir": {}}], "initContainers": inits, "containers": [main]})
    early = pods.until(name, lambda pod: condition(pod, "Initialized")["status"] == "False")
    assert condition(early, "Initialized")["reason"] == "ContainersNotInitialized"
    assert state(early)["waiting"]["reason"] == "PodInitializing"
    pod = pods.phase(name, "Succeeded")
    assert pods.logs(name, "-c", "main").split() == ["first", "side", "second", "main"]
    init = {status["name"]: status for status in pod["status"]["initContainerStatuses"]}
    assert init["first"]["state"]["terminated"]["reason"] == "Completed"
    assert init["side"]["state"]["terminated"]["exitCode"] == 0, "the sidecar is ended when the containers have"
    assert [init[c]["ready"] for c in ("first", "second")] == [True, True]


def waits(statuses: list[dict[str, t.Any]]) -> list[str | None]:
    return [(status["state"].get("waiting") or {}).get("reason") for status in statuses]


def test_a_failing_init_container_fails_a_pod_that_never_restarts(pods: Pods) -> None:
    init = {"name": "i", "image": IMAGE, "command": ["sh", "-c", "exit 5"]}
    main = {"name": "c", "image": IMAGE, "command": ["true"]}
    never = pods.create({"restartPolicy": "Never", "initContainers": [init], "containers": [main]})
    always = pods.create({"initContainers": [init], "containers": [main]})
    pod = pods.phase(never, "Failed")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 5
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    crashing = pods.until(always, lambda pod: waits(pod["status"].get("initContainerStatuses") or []) == ["CrashLoopBackOff"])
    assert crashing["status"]["phase"] == "Pending"


def test_a_sidecar_that_dies_is_restarted_whatever_the_pods_policy(pods: Pods) -> None:
    side = {"name": "side", "image": IMAGE, "restartPolicy": "Always", "command": ["sh", "-c", "sleep 0.5; exit 9"]}
    name = pods.create({"restartPolicy": "Never", "initContainers": [side], "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "30"]}]})
    pod = pods.until(name, lambda pod: pod["status"].get("initContainerStatuses", [{"restartCount": 0}])[0]["restartCount"] >= 1)
    assert pod["status"]["phase"] == "Running"


def test_a_post_start_hook_that_fails_ends_the_container(pods: Pods) -> None:
    good = pods.run(
        "sleep",
        "60",
        lifecycle={"postStart": {"exec": {"command": ["touch", "hooked"]}}},
        readinessProbe={"exec": {"command": ["test", "-f", "hooked"]}, "periodSeconds": 1},
    )
    pods.ready(good)
    bad = pods.run("sleep", "60", lifecycle={"postStart": {"exec": {"command": ["false"]}}})
    pods.event(bad, "FailedPostStartHook", "PostStartHook failed")
    pods.event(bad, "Killing", "FailedPostStartHook")
    pods.until(bad, lambda pod: restarts(pod) >= 1)


def test_an_active_deadline_fails_the_pod(pods: Pods) -> None:
    name = pods.run("sleep", "60", pod={"activeDeadlineSeconds": 2, "restartPolicy": "Never"})
    pod = pods.phase(name, "Failed")
    assert (pod["status"]["reason"], pod["status"]["message"]) == ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
    pods.until(name, lambda pod: state(pod).get("terminated"))
