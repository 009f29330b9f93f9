"""What the kubelet decides, without a process and without an API server."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.kubelet import correlation, quantity
from lab.kubelet.backoff import Backoff
from lab.kubelet.expansion import expand, translate
from lab.kubelet.plan import plan, should_restart
from lab.kubelet.probe_state import ProbeKind, ProbeState, due
from lab.kubelet.types import Container, Exit, Kind, Run


def ran(name: str, kind: Kind = Kind.MAIN, *, code: int | None = None, started: bool = True, **spec: t.Any) -> Container:
    """A container that runs, or has ended with that code."""
    made = Container({"name": name, **spec}, kind, attempts=1, started=started)
    if code is None:
        made.run = t.cast(Run, object())
    else:
        made.exits = [Exit(code, "Error" if code else "Completed", 0.0, 1.0, "id")]
    return made


def new(name: str, kind: Kind = Kind.MAIN, **spec: t.Any) -> Container:
    return Container({"name": name, **spec}, kind)


def names(containers: list[Container]) -> list[str]:
    return [container.name for container in containers]


# Expansion, by the table of the Kubernetes design for $(VAR).


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$(A)", "1"),
        ("$(A)_$(B)_$(A)", "1_2_1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(MISSING)", "$(MISSING)"),
        ("$A $", "$A $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
        ("", ""),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, wanted: str) -> None:
    assert expand(text, {"A": "1"}, {"A": "no", "B": "2"}) == wanted


@given(st.text())
def test_text_without_a_dollar_is_left_alone(text: str) -> None:
    assert expand(text.replace("$", ""), {"A": "1"}) == text.replace("$", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/data", "/x/data"),
        ("/data/f", "/x/data/f"),
        ("--cache=/data/f", "--cache=/x/data/f"),
        ("cat /data/a /data/b;", "cat /x/data/a /x/data/b;"),
        ("PATH=/data:/bin", "PATH=/x/data:/bin"),
        ("'/data'", "'/x/data'"),
        ("/database", "/database"),
        ("/my/data", "/my/data"),
        ("http://host/data", "http://host/data"),
        ("/data.json", "/data.json"),
        ("/data/deep/f", "/y/deep/f"),
    ],
)
def test_a_mounted_path_is_replaced_where_it_stands_alone(text: str, wanted: str) -> None:
    assert translate(text, {"/data": "/x/data", "/data/deep": "/y/deep"}) == wanted


def test_nothing_is_replaced_without_mounts_or_by_a_mounted_root() -> None:
    assert translate("/data", {}) == "/data"
    assert translate("/a /b", {"/": "/x"}) == "/a /b"


# Quantities.


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("512Mi", 512 << 20), ("1.5Gi", 3 << 29), ("1e3", 1000), ("2k", 2000), ("100m", 1), ("0", 0)])
def test_quantities_are_rounded_up(text: str, number: int) -> None:
    assert quantity.units(text) == number


@pytest.mark.parametrize("text", ["", "x", "1..2", "1KB", "Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity.parse(text)


# Restarts.


def test_the_first_restart_is_immediate_and_the_delay_doubles_to_its_cap() -> None:
    backoff, event, delays = Backoff(10, 300), 1000.0, []
    for _ in range(8):
        left = backoff.remaining(event, event)
        delays.append(left)
        event += left
        backoff.advance(event, event)
        event += 1
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_quiet_minutes_forget_the_delay() -> None:
    backoff = Backoff(10, 300)
    for moment in (0.0, 20.0, 60.0):
        backoff.advance(moment, moment)
    assert backoff.remaining(660.0, 660.0) == 40
    assert backoff.remaining(661.0, 661.0) == 0
    backoff.advance(661.0, 661.0)
    assert backoff.delay == 10


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [("Always", 0, True), ("Always", 1, True), ("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 0, False), ("Never", 1, False)],
)
def test_the_restart_policy_decides_by_the_exit_code(policy: str, code: int, again: bool) -> None:
    assert should_restart(ran("c", code=code), policy) is again


def test_rules_and_the_containers_own_policy_come_before_the_pods() -> None:
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    assert should_restart(ran("c", code=42, restartPolicy="Never", restartPolicyRules=[rule]), "Never")
    assert not should_restart(ran("c", code=1, restartPolicy="Never", restartPolicyRules=[rule]), "Always")
    other = {"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [42]}}
    assert should_restart(ran("c", code=1, restartPolicyRules=[other]), "Never")
    assert should_restart(ran("s", Kind.SIDECAR, code=0), "Never")
    assert not should_restart(ran("i", Kind.INIT, code=0), "Always")


# The next step of a pod.


def test_init_containers_start_one_after_the_other_before_the_rest() -> None:
    containers = [new("a", Kind.INIT), new("b", Kind.INIT), new("c")]
    assert names(plan(containers, "Always").start) == ["a"]
    containers[0] = ran("a", Kind.INIT)
    assert names(plan(containers, "Always").start) == []
    containers[0] = ran("a", Kind.INIT, code=0)
    assert names(plan(containers, "Always").start) == ["b"]
    containers[1] = ran("b", Kind.INIT, code=0)
    assert names(plan(containers, "Always").start) == ["c"]


def test_a_sidecar_holds_the_rest_back_until_it_has_started() -> None:
    containers = [ran("s", Kind.SIDECAR, started=False), new("i", Kind.INIT), new("c")]
    assert names(plan(containers, "Never").start) == []
    containers[0].started = True
    assert names(plan(containers, "Never").start) == ["i"]


def test_a_failed_init_container_is_tried_again_unless_the_pod_never_restarts() -> None:
    containers = [ran("i", Kind.INIT, code=1), new("c")]
    assert names(plan(containers, "Always").start) == ["i"]
    assert plan(containers, "Never").finished


def test_init_containers_do_not_run_again_once_a_container_has_started() -> None:
    containers = [ran("i", Kind.INIT, code=0), ran("s", Kind.SIDECAR, code=1), ran("c", code=1)]
    assert names(plan(containers, "Always").start) == ["s", "c"]


def test_sidecars_end_last_first_when_the_containers_have() -> None:
    containers = [ran("s1", Kind.SIDECAR), ran("s2", Kind.SIDECAR), ran("c", code=0)]
    step = plan(containers, "Never")
    assert names(step.stop) == ["s2", "s1"]
    assert not step.finished
    containers[0] = ran("s1", Kind.SIDECAR, code=0)
    containers[1] = ran("s2", Kind.SIDECAR, code=0)
    assert plan(containers, "Never").finished


# Probes.


def results(state: ProbeState, row: str) -> list[bool | None]:
    """``value`` after each result of the row: + is a success."""
    seen = []
    for sign in row:
        state.observe(sign == "+")
        seen.append(state.value)
    return seen


def test_thresholds_count_equal_results_in_a_row() -> None:
    state = ProbeState.of(ProbeKind.READINESS, {"successThreshold": 2, "failureThreshold": 3})
    assert results(state, "+-++--+---") == [None, None, None, True, True, True, True, True, True, False]


def test_the_defaults_are_one_success_and_three_failures() -> None:
    state = ProbeState.of(ProbeKind.LIVENESS, {})
    assert (state.success_threshold, state.failure_threshold) == (1, 3)


def test_a_startup_probe_decides_once_for_each_run() -> None:
    state = ProbeState.of(ProbeKind.STARTUP, {"failureThreshold": 2})
    assert state.observe(True)
    assert state.held
    state.new_run()
    assert (state.held, state.value) == (False, None)
    assert results(state, "--") == [None, False]
    assert state.held


@given(st.text(alphabet="+-", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_readiness_changes_only_after_its_threshold(row: str, success: int, failure: int) -> None:
    state = ProbeState.of(ProbeKind.READINESS, {"successThreshold": success, "failureThreshold": failure})
    before: bool | None = None
    for index, value in enumerate(results(state, row)):
        if value is not before:
            needed = success if value else failure
            assert row[: index + 1].endswith(("+" if value else "-") * needed)
        before = value


@pytest.mark.parametrize(
    ("kind", "started", "running", "wanted"),
    [
        (ProbeKind.STARTUP, False, 5.0, True),
        (ProbeKind.STARTUP, True, 5.0, False),
        (ProbeKind.READINESS, False, 5.0, False),
        (ProbeKind.READINESS, True, 5.0, True),
        (ProbeKind.LIVENESS, True, 2.9, False),
        (ProbeKind.LIVENESS, True, 3.0, True),
    ],
)
def test_a_tick_probes_after_its_delay_and_after_startup(kind: ProbeKind, started: bool, running: float, wanted: bool) -> None:
    assert due(kind, {"initialDelaySeconds": 3}, running_for=running, started=started) is wanted


# Events.


def happening(message: str, subject: str = "pod", path: str = "c") -> correlation.Happening:
    return correlation.Happening(subject, path, "Warning", "Unhealthy", message)


def test_the_same_event_is_counted_by_one_object() -> None:
    correlator = correlation.Correlator()
    keys = {correlator.decide(happening("x"), moment).key for moment in range(5)}
    assert len(keys) == 1
    assert correlator.decide(happening("y"), 6).key not in keys
    assert correlator.decide(happening("x", path="other"), 7).key not in keys


def test_the_tenth_different_message_is_combined_with_those_that_follow() -> None:
    correlator = correlation.Correlator()
    decisions = [correlator.decide(happening(f"message {number}"), float(number)) for number in range(12)]
    assert [decision.message.startswith(correlation.COMBINED) for decision in decisions] == [False] * 9 + [True] * 3
    assert len({decision.key for decision in decisions[9:]}) == 1
    assert not correlator.decide(happening("late"), 2000.0).message.startswith(correlation.COMBINED)


def test_a_subject_may_speak_25_times_and_then_once_in_five_minutes() -> None:
    correlator = correlation.Correlator()
    written = [correlator.decide(happening("x"), 0.0).write for _ in range(30)]
    assert written == [True] * 25 + [False] * 5
    assert correlator.decide(happening("x", subject="another"), 0.0).write
    assert not correlator.decide(happening("x"), 299.0).write
    assert correlator.decide(happening("x"), 301.0).write
    correlator.forget("pod")
    assert correlator.decide(happening("x"), 301.0).write
