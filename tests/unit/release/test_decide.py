"""What a change does to a release, decided from Helm's record and from what is live."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._codes import CODES
from ansible_collections.inference.vllm.plugins.module_utils.bundle._bundle import digest
from ansible_collections.inference.vllm.plugins.module_utils.change._plan import Change
from ansible_collections.inference.vllm.plugins.module_utils.release import _decide as decide
from ansible_collections.inference.vllm.plugins.module_utils.release import _history as history
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.release._build import revision

VALUES = {"replicas": 1}
RECORDED = Change("change", "Deployment", "m")
LIVE = Change("change", "Service", "m", live=True, fields=("spec.selector",))
STATUSES = ("deployed", "superseded", "failed", *history.STUCK, "uninstalled")

histories = st.lists(st.sampled_from(STATUSES), max_size=6).map(lambda statuses: [revision(number, status) for number, status in enumerate(statuses, 1)])


def decided(*statuses: str, recorded: t.Sequence[Change] = (), live: t.Sequence[Change] = (), values: t.Any = None) -> decide.Decision:
    found = [revision(number, status) for number, status in enumerate(statuses, 1)]
    return decide.decide(found, recorded, live, digest(VALUES if values is None else values))


@pytest.mark.parametrize(
    ("statuses", "action", "code", "forget"),
    [
        ((), "install", "not_installed", ()),
        (("deployed",), "none", "as_planned", ()),
        (("superseded", "deployed"), "none", "as_planned", ()),
        (("deployed", "failed"), "upgrade", "last_failed", ()),
        (("failed",), "upgrade", "never_deployed", ()),
        (("failed", "failed"), "upgrade", "never_deployed", ()),
        (("superseded",), "upgrade", "never_deployed", ()),
        (("superseded", "failed"), "upgrade", "never_deployed", ()),
        (("pending-install",), "install", "interrupted", (1,)),
        (("failed", "pending-upgrade"), "upgrade", "interrupted", (2,)),
        (("deployed", "pending-upgrade"), "upgrade", "interrupted", (2,)),
        (("deployed", "pending-rollback"), "upgrade", "interrupted", (2,)),
        (("superseded", "deployed", "uninstalling"), "upgrade", "interrupted", (3,)),
        (("uninstalling",), "install", "interrupted", (1,)),
        (("unknown",), "install", "interrupted", (1,)),
        (("deployed", "unknown", "pending-upgrade"), "upgrade", "interrupted", (2, 3)),
        (("deployed", "failed", "pending-rollback"), "upgrade", "interrupted", (3,)),
    ],
)
def test_each_state_that_helm_leaves_behind_is_deployable_again(statuses: tuple[str, ...], action: str, code: str, forget: tuple[int, ...]) -> None:
    found = decided(*statuses)
    assert (found.action, found.code, found.forget) == (action, code, forget)


@pytest.mark.parametrize(
    ("recorded", "live", "values", "code"),
    [
        ((), (), {"replicas": 2}, "values_only"),
        ((RECORDED,), (), VALUES, "changed"),
        ((RECORDED,), (LIVE,), {"replicas": 2}, "changed"),
        ((), (LIVE,), VALUES, "drift"),
        ((), (LIVE,), {"replicas": 2}, "drift"),
    ],
)
def test_a_deployed_release_is_upgraded_for_whatever_differs(recorded: tuple[Change, ...], live: tuple[Change, ...], values: t.Any, code: str) -> None:
    found = decided("deployed", recorded=recorded, live=live, values=values)
    assert (found.action, found.code) == ("upgrade", code)
    assert set(found.changes) == {*recorded, *live}


@given(histories, st.sets(st.sampled_from([RECORDED, Change("create", "Service", "n")])), st.sets(st.sampled_from([LIVE])), st.booleans())
def test_for_every_history_the_decision_is_known_and_nothing_is_done_only_when_all_is_as_planned(
    found: list[history.Revision], recorded: set[Change], live: set[Change], same: bool
) -> None:
    content = digest(VALUES if same else {"replicas": 2})
    decision = decide.decide(found, sorted(recorded, key=repr), sorted(live, key=repr), content)
    stuck = {one.number for one in found if one.status in history.STUCK}
    assert decision.code in CODES
    assert set(decision.forget) == stuck
    assert (decision.action == "install") <= (not any(one.status in ("deployed", "superseded", "failed") for one in found))
    if decision.action == "none":
        newest = [one for one in found if one.status == "deployed"][-1]
        assert same
        assert not (recorded | live)
        assert not stuck
        assert {found[-1].status, newest.status} <= {"deployed", "superseded", "uninstalled"}


def test_what_the_cluster_says_of_an_object_comes_before_what_helm_remembers_of_it() -> None:
    live = Change("create", "Deployment", "m", live=True)
    assert decide.merged([RECORDED, Change("create", "Job", "j")], [live]) == (live, Change("create", "Job", "j"))


@pytest.mark.parametrize("status", STATUSES)
def test_a_release_of_another_chart_is_refused_whatever_its_state(status: str) -> None:
    with pytest.raises(decide.OtherChartError, match="vllm_release") as refused:
        decide.check_chart([revision(1, status, chart="redis-ha")], "vllm-deployment", "m", "ns")
    assert refused.value.code == "other_chart"


@pytest.mark.parametrize("version", ["0.1.0", "0.1.0-rc.1", "1.0.0+build-7", "0.2.0-dev-3"])
def test_every_version_of_our_own_chart_is_ours(version: str) -> None:
    decide.check_chart([revision(1, "deployed", version=version)], "vllm-deployment", "m", "ns")
    decide.check_chart([], "vllm-deployment", "m", "ns")
