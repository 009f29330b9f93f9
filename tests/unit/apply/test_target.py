"""A failed change goes back to what was deployed and serving right before it, found by what it was."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.apply import _retire as retire
from ansible_collections.inference.vllm.plugins.module_utils.apply import _target as target
from ansible_collections.inference.vllm.plugins.module_utils.release._history import STUCK, Revision
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, t.Any]

SERVING: Json = {"status": {"readyReplicas": 1}}
DOWN: Json = {"status": {}}


def values(bundle: str, replicas: int = 1) -> Json:
    return {"replicas": replicas, "release": {"bundle": bundle, "revision": bundle}}


def revision(number: int, status: str, given_values: Json) -> Revision:
    return Revision("m", "ns", number, status, "", given_values, "vllm-deployment-0.1.0", "", "")


def noted(of: Revision) -> Json:
    return {"content": of.content, "bundle": of.bundle, "revision": of.revision, "release_revision": 99}


def row(bundle: str, status: str = "ready") -> Json:
    return {"deployment_bundle": bundle, "deployment_status": status}


GOOD, BAD = values("good"), values("bad")


def test_a_first_install_has_nothing_to_go_back_to() -> None:
    assert target.choose([], None, {}, []) is None


def test_what_is_live_and_was_verified_is_the_target() -> None:
    live = revision(1, "deployed", GOOD)
    assert target.choose([live], SERVING, noted(live), []) is live


def test_after_a_change_of_replicas_alone_the_target_has_the_replicas_that_served() -> None:
    """By the bundle alone two good pods went back to one."""
    one, two = revision(1, "superseded", values("good", 1)), revision(2, "deployed", values("good", 2))
    assert target.choose([one, two], SERVING, noted(two), [row("good")]) is two


def test_when_the_live_revision_was_never_verified_the_noted_one_is_the_target() -> None:
    """A run was killed in the middle of a bad rollout."""
    good, bad = revision(1, "superseded", GOOD), revision(2, "deployed", BAD)
    assert target.choose([good, bad], DOWN, noted(good), []) is good
    assert target.choose([good, bad], SERVING, noted(good), [row("bad")]) is good


def test_the_number_in_the_note_is_never_trusted() -> None:
    """After a reinstall the numbers start again."""
    good, bad = revision(1, "superseded", GOOD), revision(2, "deployed", BAD)
    assert target.choose([good, bad], DOWN, {**noted(good), "release_revision": 2}, []) is good


def test_after_a_reinstall_that_lost_the_history_nothing_is_made_up() -> None:
    good, bad = revision(1, "superseded", GOOD), revision(1, "deployed", BAD)
    assert target.choose([bad], SERVING, noted(good), [row("good")]) is None


def test_with_a_lost_lease_the_registry_says_what_was_good() -> None:
    good, bad = revision(1, "superseded", GOOD), revision(2, "deployed", BAD)
    assert target.choose([good, bad], DOWN, {}, [row("good")]) is good
    assert target.choose([good, bad], DOWN, {}, [row("good", "degraded")]) is good


@pytest.mark.parametrize("status", ["disabled", "superseded", "failed", "pending"])
def test_a_row_that_is_not_routed_to_says_nothing(status: str) -> None:
    good, bad = revision(1, "superseded", GOOD), revision(2, "deployed", BAD)
    assert target.choose([good, bad], DOWN, {}, [row("good", status)]) is None


def test_with_lost_lease_and_lost_rows_what_is_live_and_serves_is_the_target() -> None:
    live = revision(1, "deployed", GOOD)
    assert target.choose([live], SERVING, {}, []) is live
    assert target.choose([live], DOWN, {}, []) is None
    assert target.choose([live], None, {}, []) is None


def test_a_release_that_was_scaled_to_zero_on_purpose_is_a_target() -> None:
    live = revision(2, "deployed", values("good", 0))
    assert target.choose([live], DOWN, {"content": "another"}, []) is live


def test_with_a_lost_helm_history_there_is_no_target() -> None:
    assert target.choose([], SERVING, noted(revision(1, "deployed", GOOD)), [row("good")]) is None


def test_after_twelve_failing_deploys_the_verified_content_is_still_found() -> None:
    history = [revision(1, "deployed", GOOD)]
    note = noted(history[0])
    for attempt in range(12):
        number = history[-1].number
        before = [*history[:-1], revision(number, "superseded", history[-1].values)]
        history = [*before, revision(number + 1, "superseded", values(f"bad{attempt}")), revision(number + 2, "deployed", GOOD)][-10:]
        found = target.choose(history, SERVING, note, [])
        assert found is not None
        assert found.values == GOOD


@given(
    st.lists(st.tuples(st.sampled_from(["deployed", "superseded", "failed", *STUCK]), st.sampled_from(["good", "bad", "ugly"]), st.integers(0, 2)), max_size=6),
    st.sampled_from([None, SERVING, DOWN]),
    st.sampled_from([None, "good", "bad"]),
    st.lists(st.builds(row, st.sampled_from(["good", "bad", "", None]), st.sampled_from(["ready", "degraded", "disabled"])), max_size=2),
)
def test_the_target_is_always_something_that_helm_deployed_and_that_somebody_vouches_for(
    kept: list[tuple[str, str, int]], deployment: Json | None, bundle: str | None, rows: list[Json]
) -> None:
    history = [revision(number, status, values(name, replicas)) for number, (status, name, replicas) in enumerate(kept, 1)]
    verified = noted(revision(0, "deployed", values(bundle))) if bundle else {}
    found = target.choose(history, deployment, verified, rows)
    if found is None:
        return
    assert found.status in ("deployed", "superseded")
    vouched = found.content == verified.get("content")
    registered = any(one["deployment_bundle"] == found.bundle for one in rows if one["deployment_status"] != "disabled")
    assert vouched or registered or found.values["replicas"] == 0 or (deployment is SERVING and not verified)


@pytest.mark.parametrize(
    ("metrics", "requests"),
    [
        ("", 0),
        ("# HELP vllm:num_requests_running Number\n# TYPE vllm:num_requests_running gauge\n", 0),
        ('vllm:num_requests_running{engine="0",model_name="m"} 2.0\nvllm:num_requests_waiting{engine="0",model_name="m"} 1.0\n', 3),
        ('vllm:num_requests_running{engine="0"} 2.0\nvllm:num_requests_running{engine="1"} 3.0\n', 5),
        ("vllm:num_requests_running 4\n", 4),
        ('vllm:num_requests_running{model_name="a b"} 1.0\n', 1),
        ('vllm:num_requests_waiting_by_reason{reason="capacity"} 7.0\n', 0),
        ("vllm:num_requests_running_total 9\n", 0),
        ("vllm:num_requests_running NaN\n", 0),
        ("vllm:num_requests_running\n", 0),
        ('vllm:num_requests_running{engine="0"} 2.0 1700000000000\n', 2),
        ("other_metric 8\n", 0),
    ],
)
def test_requests_that_run_or_wait_are_read_from_the_engines_metrics(metrics: str, requests: int) -> None:
    assert retire.running(metrics) == requests
