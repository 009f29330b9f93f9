"""Where a rollout stands, and why it does not go on."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.rollout import _diagnosis as diagnosis
from ansible_collections.inference.vllm.plugins.module_utils.rollout import _state as state

Json = dict[str, t.Any]
LIMITS = state.Limits(restarts=2, unschedulable_seconds=60)


def deployment(wanted: int = 1, *, revision: str = "2", observed: int = 3, conditions: t.Sequence[Json] = (), **status: int) -> Json:
    return {
        "metadata": {"name": "m", "uid": "d", "generation": 3, "annotations": {state.REVISION: revision}},
        "spec": {"replicas": wanted, "progressDeadlineSeconds": 900},
        "status": {"observedGeneration": observed, "conditions": list(conditions), **status},
    }


def replica_set(name: str, revision: str, ready: int = 0) -> Json:
    return {
        "metadata": {"name": name, "uid": name, "ownerReferences": [{"uid": "d"}], "annotations": {state.REVISION: revision}},
        "status": {"readyReplicas": ready},
    }


def pod(owner: str = "new", *, ready: bool = False, container: Json | None = None, conditions: t.Sequence[Json] = (), **metadata: t.Any) -> Json:
    status: Json = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}, {"type": "PodScheduled", "status": "True"}, *conditions]}
    if container is not None:
        status["containerStatuses"] = [{"name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "restartCount": 0, **container}]
    return {
        "metadata": {"name": f"{owner}-pod", "ownerReferences": [{"uid": owner}], **metadata},
        "spec": {"containers": [{"name": "vllm", "startupProbe": {"periodSeconds": 30, "failureThreshold": 20}}]},
        "status": status,
    }


def event(reason: str, message: str, name: str = "new-pod", at: str = "1") -> Json:
    return {"reason": reason, "message": message, "involvedObject": {"name": name}, "lastTimestamp": at}


def judge(seen: state.Seen, log: str = "") -> state.Verdict:
    return state.judge(seen, lambda _pod, _container, _previous: log, LIMITS)


NEW, OLD = replica_set("new", "2"), replica_set("old", "1", ready=1)
DONE = {"updatedReplicas": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def test_it_is_complete_when_only_new_pods_are_there_and_ready() -> None:
    verdict = judge(state.Seen(deployment(**DONE), [replica_set("new", "2", 1)], [pod(ready=True)], []))
    assert (verdict.state, verdict.replica_set, verdict.pods) == ("complete", "new", ("new-pod",))


def test_old_pods_that_are_ready_never_count() -> None:
    old_serves = deployment(updatedReplicas=1, replicas=2, readyReplicas=1, availableReplicas=1)
    verdict = judge(state.Seen(old_serves, [NEW, OLD], [pod(), pod("old", ready=True)], []))
    assert verdict.state == "progressing"
    assert "0 of 1 new pods ready, 1 old still running" in verdict.line


def test_counts_of_an_older_generation_are_not_believed() -> None:
    verdict = judge(state.Seen(deployment(observed=2, **DONE), [replica_set("old", "2", 1)], [pod("old", ready=True)], []))
    assert verdict.state == "progressing"


def test_a_ready_new_pod_beside_an_old_one_is_not_the_end() -> None:
    both = deployment(updatedReplicas=1, replicas=2, readyReplicas=2, availableReplicas=2)
    assert judge(state.Seen(both, [replica_set("new", "2", 1), OLD], [pod(ready=True), pod("old", ready=True)], [])).state == "progressing"


def failed(seen: state.Seen, log: str = "") -> diagnosis.Cause:
    verdict = judge(seen, log)
    assert verdict.state == "failed"
    assert verdict.cause is not None
    return verdict.cause


@pytest.mark.parametrize("reason", state.IMAGE_REASONS)
def test_an_image_that_cannot_be_pulled_fails_at_once_with_the_events_words(reason: str) -> None:
    stuck = pod(container={"state": {"waiting": {"reason": reason, "message": "Back-off"}}})
    cause = failed(state.Seen(deployment(), [NEW], [stuck], [event("Failed", 'Failed to pull image "x": not found')]))
    assert "cannot be pulled" in cause.what
    assert "not found" in cause.what
    assert "image.tag" in cause.next_step


def test_a_missing_secret_is_named() -> None:
    stuck = pod(container={"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "hf" not found'}}})
    assert 'secret "hf" not found' in failed(state.Seen(deployment(), [NEW], [stuck], [])).what


def crashed(code: int, reason: str = "Error", restarts: int = 1) -> Json:
    ended = {"terminated": {"exitCode": code, "reason": reason}}
    return pod(container={"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended, "restartCount": restarts})


def test_an_unknown_argument_fails_at_the_first_crash() -> None:
    log = "usage: vllm serve [model_tag] [options]\nvllm serve: error: unrecognized arguments: --swap-space 4\n"
    cause = failed(state.Seen(deployment(), [NEW], [crashed(2)], []), log)
    assert cause.what == "vLLM does not know the argument --swap-space 4"


def test_a_crash_that_might_pass_is_believed_after_the_second_restart() -> None:
    assert judge(state.Seen(deployment(), [NEW], [crashed(1, restarts=1)], []), "RuntimeError: odd").state == "progressing"
    assert "RuntimeError: odd" in failed(state.Seen(deployment(), [NEW], [crashed(1, restarts=2)], []), "RuntimeError: odd").what


def test_an_oom_kill_says_which_value_to_raise() -> None:
    cause = failed(state.Seen(deployment(), [NEW], [crashed(137, "OOMKilled")], []))
    assert "OOMKilled" in cause.what
    assert "resources.limits.memory" in cause.next_step


def test_what_once_ended_in_a_pod_that_serves_is_no_reason_to_give_up_on_the_next_one() -> None:
    served_since = crashed(137, "OOMKilled", restarts=4)["status"]["containerStatuses"][0]
    both = deployment(2, updatedReplicas=2, replicas=2, readyReplicas=1, availableReplicas=1)
    assert judge(state.Seen(both, [NEW], [pod(ready=True, container=served_since), pod()], [])).state == "progressing"


def test_an_engine_that_dies_with_exit_code_0_is_a_failure() -> None:
    cause = failed(state.Seen(deployment(), [NEW], [crashed(0, "Completed", restarts=2)], []), "EngineDeadError: EngineCore encountered an issue")
    assert "exit code 0" in cause.what
    assert "EngineDeadError" in cause.what


def test_a_startup_probe_that_killed_the_pod_is_told_with_its_window_and_the_next_one() -> None:
    events = [event("Killing", "Container vllm failed startup probe, will be restarted"), event("Unhealthy", "Startup probe failed: HTTP 500 on a completion")]
    cause = failed(state.Seen(deployment(), [NEW], [crashed(137, restarts=1)], events))
    assert "600 s (20 x 30 s)" in cause.what
    assert "HTTP 500 on a completion" in cause.what
    assert "probes.startup.failureThreshold to 40" in cause.next_step


@pytest.mark.parametrize(
    ("log", "what", "next_step"),
    [
        ("(EngineCore pid=7) ERROR ValueError: Unsupported head dim 16\n", "; the engine reported: ValueError: Unsupported head", "failureThreshold to 40"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error\n", "the model hub refuses access to the model (HTTP 401); it was killed by", "hfToken"),
        ("INFO no error so far, 40 % loaded\n", "(20 x 30 s)", "failureThreshold to 40"),
    ],
)
def test_what_the_engine_said_before_the_startup_probe_killed_it_is_the_cause(log: str, what: str, next_step: str) -> None:
    events = [event("Killing", "Container vllm failed startup probe, will be restarted")]
    cause = failed(state.Seen(deployment(), [NEW], [crashed(137, restarts=1)], events), log)
    assert what in cause.what
    assert "600 s (20 x 30 s)" in cause.what
    assert next_step in cause.next_step


def unschedulable() -> Json:
    waiting = pod()
    waiting["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes: Insufficient nvidia.com/gpu"}
    ]
    return waiting


@pytest.mark.parametrize(("seconds", "wanted"), [(0.0, "progressing"), (59.0, "progressing"), (60.0, "failed")])
def test_a_pod_without_a_node_fails_after_its_time(seconds: float, wanted: str) -> None:
    seen = state.Seen(deployment(), [NEW], [unschedulable()], [], {"new-pod": seconds})
    assert judge(seen).state == wanted


def test_an_exhausted_quota_is_told_without_any_pod() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}
    assert "exceeded quota: gpus" in failed(state.Seen(deployment(conditions=[condition]), [NEW], [], [])).what


def test_a_passed_progress_deadline_quotes_the_last_probe() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    events = [event("Unhealthy", "older", at="1"), event("Unhealthy", "connection refused", at="2")]
    running = pod(container={"state": {"running": {"startedAt": "t"}}})
    assert "connection refused" in failed(state.Seen(deployment(conditions=[condition]), [NEW], [running], events)).what


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("ValueError: Insufficient space in /dev/shm for shared-memory allocation: 160 MiB required, 64 MiB free", "shm"),
        (
            "ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is needed, which is larger",
            "engine.maxModelLen",
        ),
        ("The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (4096).", "engine.maxModelLen"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "tensorParallelSize"),
        ("OSError: You are trying to access a gated repo. 401 Client Error. Cannot access gated repo for url", "hfToken"),
        ("ValueError: VLLM_PORT 'tcp://10.96.12.7:8000' appears to be a URI. This may be caused by a Kubernetes service discovery issue", "enableServiceLinks"),
        ("PermissionError: [Errno 13] Permission denied: '/.cache'", "VLLM_CACHE_ROOT"),
    ],
)
def test_what_vllm_says_becomes_the_value_to_change(log: str, words: str) -> None:
    cause = diagnosis.from_log("INFO loading\n" + log + "\n")
    assert cause is not None
    assert words in cause.next_step


def test_what_nobody_knows_is_quoted_and_not_guessed() -> None:
    assert diagnosis.from_log("something else") is None
    assert "KeyError: 'odd'" in diagnosis.from_exit("Error", 1, "", "line\nKeyError: 'odd'\n").what


def test_the_root_cause_is_told_and_not_the_line_that_only_points_to_it() -> None:
    log = (
        "(EngineCore pid=7) ERROR 11-21 10:00:00 [core.py:1] EngineCore failed to start.\n"
        "(EngineCore pid=7) ERROR 11-21 10:00:00 [core.py:1] ValueError: the odd thing happened\n"
        "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert "ValueError: the odd thing happened" in diagnosis.from_exit("Error", 1, "", log).what
