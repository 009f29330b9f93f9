"""What differs between the registry, the releases and what answers, and which rule heals it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry._differences import Difference, Release, World, differences
from ansible_collections.inference.vllm.plugins.module_utils.registry._health_policy import Probed
from ansible_collections.inference.vllm.plugins.module_utils.registry._plan import plan
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import request
from ansible_collections.inference.vllm.plugins.module_utils.registry._row import COUNTED, WHOLE, Row, routable

PASS, FAIL, UNKNOWN = Probed("pass", "it answered"), Probed("fail", "it has no ready pod", 1), Probed("inconclusive", "no way there")


def row(revision: str | None = "a", status: str = "ready", release: str | None = "m-staging", **more: t.Any) -> Row:
    return {
        **dict.fromkeys(COUNTED),
        "deployment_id": f"id-{revision}",
        "model_name": "m",
        "deployment_environment": "staging",
        "organization_id": None,
        "deployment_version": 4,
        "deployment_revision": revision,
        "deployment_status": status,
        "deployment_weight": WHOLE,
        "deployment_namespace": "staging",
        "deployment_release": release,
        "deployment_endpoint": f"{release}.staging.svc.cluster.local:8000",
        **more,
    }


def runs(revision: str = "a", name: str = "m-staging", replicas: int = 1) -> Release:
    return Release(name, "staging", "m", "staging", revision, "sha256:" + "a" * 64, replicas, 8000, 3)


def compared(rows: list[Row], releases: list[Release], answers: Probed | dict[str, Probed] = PASS, **more: t.Any) -> list[Difference]:
    """``answers`` is for everything, or by revision."""
    of = answers if isinstance(answers, dict) else {}
    default = PASS if isinstance(answers, dict) else answers
    return t.cast(
        list[Difference],
        differences(
            World(
                "staging",
                rows,
                {(one.namespace, one.name): one for one in releases},
                {str(one["deployment_id"]): of.get(str(one["deployment_revision"]), default) for one in rows},
                {(one.namespace, one.name): of.get(one.revision, default) for one in releases if one.replicas},
                **more,
            )
        ),
    )


def only(found: list[Difference]) -> Difference:
    assert len(found) == 1, found
    return found[0]


def healed(rows: list[Row], difference: Difference) -> dict[str, str]:
    """Revision to status after the heal, by the plan that vllm_registry would carry out."""
    assert difference.request is not None, difference
    decided = plan(request(difference.request), rows)
    after = {str(one["deployment_revision"]): one["deployment_status"] for one in rows}
    after.update({str(write.after["deployment_revision"]): write.after["deployment_status"] for write in decided.writes if write.after})
    return after


def test_what_agrees_is_no_difference() -> None:
    others = [row("b", "superseded"), row("c", "disabled", "other"), row("d", "failed", "gone"), row("e", "pending", "gone")]
    assert compared([row(), *others], [runs()]) == []


@pytest.mark.parametrize("endpoint", ["http://m-staging.staging.svc.cluster.local:8000", "http://M-staging.staging.svc.cluster.local:8000/v1/"])
def test_another_spelling_of_the_endpoint_is_the_same_endpoint(endpoint: str) -> None:
    assert compared([row(deployment_endpoint=endpoint)], [runs()]) == []


def test_a_row_without_release_and_answer_is_an_orphan_that_fails() -> None:
    rows = [row()]
    found = only(compared(rows, [], FAIL))
    assert (found.kind, healed(rows, found)) == ("orphan", {"a": "failed"})
    assert "Helm has no deployed release m-staging in namespace staging, and it has no ready pod" in found.message


def test_an_orphan_that_answers_is_for_a_person() -> None:
    found = only(compared([row()], [], PASS))
    assert (found.kind, found.certain, found.request) == ("orphan", True, None)
    assert compared([row()], [], PASS, compares_releases=False) == []


@pytest.mark.parametrize("more", [{"unseen": {"staging": "HTTP 403"}}, {"answers": UNKNOWN}])
def test_an_orphan_that_cannot_be_told_is_inconclusive(more: dict[str, t.Any]) -> None:
    found = only(compared([row()], [], **{"answers": FAIL, **more}))
    assert (found.certain, found.request) == (False, None)


def test_a_cluster_without_any_of_the_releases_is_not_believed_without_force() -> None:
    rows = [row(), row("b", release="n-staging", model_name="n")]
    assert [found.request for found in compared(rows, [], FAIL)] == [None, None]
    assert all("is this the right cluster" in found.message for found in compared(rows, [], FAIL))
    assert all(found.request for found in compared(rows, [], FAIL, force=True))


def test_of_two_revisions_at_one_release_the_one_that_runs_keeps_the_traffic() -> None:
    rows = [row("a", deployment_weight=90), row("b", deployment_weight=10)]
    found = only(compared(rows, [runs("b")]))
    assert (found.kind, found.revision, healed(rows, found)) == ("duplicate", "b", {"a": "superseded", "b": "ready"})


def test_two_revisions_of_one_release_that_runs_a_third_are_for_a_person() -> None:
    rows = [row("a", deployment_weight=90), row("b", deployment_weight=10)]
    assert all(found.request is None for found in compared(rows, [runs("c")]) if found.kind == "duplicate")


def test_a_platforms_own_routable_row_steps_down() -> None:
    rows = [row(None, deployment_id=None, release=None), row("a")]
    found = only(compared(rows, [runs()]))
    assert (found.kind, healed(rows, found)) == ("duplicate", {"None": "superseded", "a": "ready"})


def test_two_rows_of_the_platform_alone_are_told() -> None:
    rows = [row(None, deployment_id=None, release=None), row(None, deployment_id=None, release=None)]
    found = only(compared(rows, []))
    assert (found.kind, found.request) == ("duplicate", None)


def test_revisions_that_share_the_traffic_at_releases_of_their_own_are_meant() -> None:
    rows = [row("a", deployment_weight=90), row("b", release="m-canary", deployment_weight=10)]
    assert compared(rows, [runs("a"), runs("b", "m-canary")]) == []


def test_a_wrong_endpoint_is_set_right_when_the_releases_own_answers() -> None:
    rows = [row(deployment_endpoint="elsewhere:8000")]
    found = only(compared(rows, [runs()]))
    assert (found.kind, found.request and found.request["endpoint"]) == ("wrong_endpoint", "m-staging.staging.svc.cluster.local:8000")
    assert healed(rows, found) == {"a": "ready"}
    assert only(compared(rows, [runs()], FAIL)).request is None
    assert compared(rows, [runs()], endpoints={"m": "http://elsewhere:8000/v1"}) == []


def test_a_release_back_at_a_revision_that_was_verified_before_is_followed() -> None:
    rows = [row("a", "superseded"), row("b")]
    found = only(compared(rows, [runs("a")]))
    assert (found.kind, healed(rows, found)) == ("wrong_revision", {"a": "ready", "b": "superseded"})
    assert only(compared(rows, [runs("a")], FAIL)).request is None


def test_a_release_of_a_revision_that_nobody_verified_becomes_visible_and_not_routable() -> None:
    rows = [row("a")]
    wrong, unregistered = sorted(compared(rows, [runs("b")]), key=lambda found: found.kind, reverse=True)
    assert (wrong.kind, wrong.request) == ("wrong_revision", None)
    assert (unregistered.kind, healed(rows, unregistered)) == ("unregistered", {"a": "ready", "b": "pending"})


def test_a_running_release_without_any_row_becomes_pending() -> None:
    found = only(compared([], [runs()]))
    assert (found.kind, healed([], found)) == ("unregistered", {"a": "pending"})
    assert only(compared([], [runs("")])).request is None


def test_a_verified_release_with_nothing_routable_is_routed_again() -> None:
    rows = [row("a", "superseded")]
    found = only(compared(rows, [runs()]))
    assert (found.kind, healed(rows, found)) == ("unrouted", {"a": "ready"})


def test_a_dead_row_leaves_beside_another_that_answers_and_is_degraded_alone() -> None:
    rows = [row("a", deployment_weight=90), row("b", release="m-canary", deployment_weight=10)]
    releases = [runs("a"), runs("b", "m-canary")]
    found = only(compared(rows, releases, {"a": FAIL}))
    assert (found.kind, healed(rows, found)["a"]) == ("dead", "failed")
    assert [one.request and one.request["status"] for one in compared(rows, releases, FAIL)] == ["degraded", "degraded"]
    assert only(compared([row(status="degraded")], [runs()], FAIL)).request is None


def test_a_release_without_replicas_is_dead() -> None:
    assert only(compared([row()], [runs(replicas=0)], FAIL)).kind == "dead"


def test_an_answer_that_cannot_be_had_is_inconclusive() -> None:
    found = only(compared([row()], [runs()], UNKNOWN))
    assert (found.kind, found.certain) == ("dead", False)


@pytest.mark.parametrize("status", ["pending", "deploying", "failed", "disabled"])
def test_what_somebody_decided_is_left_alone(status: str) -> None:
    assert compared([row(status=status)], [runs()]) == []


@pytest.mark.parametrize("rows", [[row()], [row("a", "superseded"), row("b")], [row("a", deployment_weight=90), row("b", deployment_weight=10)]])
@pytest.mark.parametrize("releases", [[], [runs("a")], [runs("b")], [runs("c")]])
@pytest.mark.parametrize("answer", [PASS, FAIL, UNKNOWN])
def test_no_heal_makes_routable_what_no_verification_passed(rows: list[Row], releases: list[Release], answer: Probed) -> None:
    verified = {str(one["deployment_revision"]) for one in rows}
    for found in compared(rows, releases, answer):
        if found.request:
            after = healed(rows, found)
            assert {revision for revision, status in after.items() if routable({"deployment_status": status})} <= verified
