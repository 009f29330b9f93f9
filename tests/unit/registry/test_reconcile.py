"""What differs between the registry, the releases and what answers, and which rule fixes it."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pathlib
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._codes import CODES
from ansible_collections.inference.vllm.plugins.module_utils.registry import _differences
from ansible_collections.inference.vllm.plugins.module_utils.registry._differences import Difference, Release, World, differences
from ansible_collections.inference.vllm.plugins.module_utils.registry._drift import Drift, LiveObjects
from ansible_collections.inference.vllm.plugins.module_utils.registry._health_policy import Probed
from ansible_collections.inference.vllm.plugins.module_utils.registry._plan import plan
from ansible_collections.inference.vllm.plugins.module_utils.registry._rendered import rendered
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import request
from ansible_collections.inference.vllm.plugins.module_utils.registry._row import COUNTED, WHOLE, Row, routable

from tests.unit.registry.manifest import MANIFEST

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


def runs(revision: str = "a", name: str = "m-staging", replicas: int | None = 1, **more: t.Any) -> Release:
    return Release(name, "staging", "m", "staging", revision, "sha256:" + "a" * 64, f"{name}.staging.svc.cluster.local:8000", replicas, 3, **more)


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
                {(one.namespace, one.name): of.get(one.revision, default) for one in releases if one.runs},
                **more,
            )
        ),
    )


def only(found: list[Difference]) -> Difference:
    assert len(found) == 1, found
    return found[0]


def fixed(rows: list[Row], difference: Difference) -> dict[str, str]:
    """Revision to status after the fix, by the plan that vllm_registry would carry out."""
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
    assert (found.kind, fixed(rows, found)) == ("orphan", {"a": "failed"})


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
    assert all(found.request for found in compared(rows, [], FAIL, force=True))


def test_of_two_revisions_at_one_release_the_one_that_runs_keeps_the_traffic() -> None:
    rows = [row("a", deployment_weight=90), row("b", deployment_weight=10)]
    found = only(compared(rows, [runs("b")]))
    assert (found.kind, found.revision, fixed(rows, found)) == ("duplicate", "b", {"a": "superseded", "b": "ready"})


def test_two_revisions_of_one_release_that_runs_a_third_are_for_a_person() -> None:
    rows = [row("a", deployment_weight=90), row("b", deployment_weight=10)]
    assert all(found.request is None for found in compared(rows, [runs("c")]) if found.kind == "duplicate")


def test_an_unmanaged_routable_row_steps_down() -> None:
    rows = [row(None, deployment_id=None, release=None), row("a")]
    found = only(compared(rows, [runs()]))
    assert (found.kind, fixed(rows, found)) == ("duplicate", {"None": "superseded", "a": "ready"})


def test_two_unmanaged_rows_alone_are_reported() -> None:
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
    assert fixed(rows, found) == {"a": "ready"}
    assert only(compared(rows, [runs()], FAIL)).request is None
    assert compared(rows, [runs()], endpoints={"m": "http://elsewhere:8000/v1"}) == []


def test_a_release_back_at_a_revision_that_was_verified_before_is_followed() -> None:
    rows = [row("a", "superseded"), row("b")]
    found = only(compared(rows, [runs("a")]))
    assert (found.kind, fixed(rows, found)) == ("wrong_revision", {"a": "ready", "b": "superseded"})
    assert only(compared(rows, [runs("a")], FAIL)).request is None


def test_a_release_of_a_revision_that_nobody_verified_becomes_visible_and_not_routable() -> None:
    rows = [row("a")]
    wrong, unregistered = sorted(compared(rows, [runs("b")]), key=lambda found: found.kind, reverse=True)
    assert (wrong.kind, wrong.request) == ("wrong_revision", None)
    assert (unregistered.kind, fixed(rows, unregistered)) == ("unregistered", {"a": "ready", "b": "pending"})


def test_a_running_release_without_any_row_becomes_pending() -> None:
    found = only(compared([], [runs()]))
    assert (found.kind, fixed([], found)) == ("unregistered", {"a": "pending"})
    assert only(compared([], [runs("")])).request is None


def test_a_verified_release_with_nothing_routable_is_routed_again() -> None:
    rows = [row("a", "superseded")]
    found = only(compared(rows, [runs()]))
    assert (found.kind, fixed(rows, found)) == ("unrouted", {"a": "ready"})


def test_a_dead_row_leaves_beside_another_that_answers_and_is_degraded_alone() -> None:
    rows = [row("a", deployment_weight=90), row("b", release="m-canary", deployment_weight=10)]
    releases = [runs("a"), runs("b", "m-canary")]
    found = only(compared(rows, releases, {"a": FAIL}))
    assert (found.kind, fixed(rows, found)["a"]) == ("dead", "failed")
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
def test_no_fix_makes_routable_what_no_verification_passed(rows: list[Row], releases: list[Release], answer: Probed) -> None:
    verified = {str(one["deployment_revision"]) for one in rows}
    for found in compared(rows, releases, answer):
        if found.request:
            after = fixed(rows, found)
            assert {revision for revision, status in after.items() if routable({"deployment_status": status})} <= verified


def test_a_release_that_wants_no_pods_and_has_no_row_or_a_disabled_one_is_no_difference() -> None:
    assert compared([], [runs(replicas=0)]) == []
    assert compared([row(status="disabled", deployment_reason="idle until Monday")], [runs(replicas=0)]) == []


def test_a_release_whose_replicas_an_autoscaler_sets_runs() -> None:
    assert compared([row()], [runs(replicas=None)]) == []
    assert only(compared([], [runs(replicas=None)])).kind == "unregistered"


def test_the_endpoint_that_was_rendered_is_the_right_one() -> None:
    elsewhere = dataclasses.replace(runs(), endpoint="m-staging.staging.svc.corp.example:9000")
    assert compared([row(deployment_endpoint="m-staging.staging.svc.corp.example:9000")], [elsewhere]) == []
    found = only(compared([row()], [elsewhere]))
    assert (found.kind, found.request and found.request["endpoint"]) == ("wrong_endpoint", "m-staging.staging.svc.corp.example:9000")


def test_a_fix_leaves_what_a_person_degraded_to_the_person() -> None:
    rows = [row(status="degraded", deployment_endpoint="elsewhere:8000", deployment_reason="slow since noon")]
    found = only(compared(rows, [runs()]))
    after = plan(request(found.request or {}), rows).subject
    assert after is not None
    assert (after["deployment_reason"], after["deployment_degraded_by"]) == ("slow since noon", None)
    dead = only(compared([row()], [runs()], FAIL))
    degraded = plan(request(dead.request or {}), [row()]).subject
    assert degraded is not None
    assert degraded["deployment_degraded_by"] == "reconcile"


def test_a_model_that_the_inventory_does_not_have_is_reported_once_with_its_way_out() -> None:
    rows = [row(), row("b", release="m-canary", deployment_weight=10)]
    releases = [runs(), runs("b", "m-canary")]
    assert compared(rows, releases) == [], "without an inventory nobody knows"
    assert compared(rows, releases, expected=frozenset({"m"})) == []
    found = only(compared(rows, releases, expected=frozenset({"n"})))
    assert (found.kind, found.request, found.certain) == ("not_in_inventory", None, True)
    assert "retire.yml" in found.message
    left = compared([row(status="disabled")], [runs()], expected=frozenset())
    assert [one.kind for one in left] == ["not_in_inventory"], "a release is left, although routers do not see it"
    assert compared([row(status="superseded")], [], expected=frozenset()) == []


OBJECTS = rendered(MANIFEST, "m-staging", "staging", {}).objects


def test_what_is_live_as_it_was_recorded_is_no_drift() -> None:
    assert compared([row()], [runs(objects=OBJECTS)], live={"staging": LiveObjects(OBJECTS)}) == []


def test_what_was_changed_by_hand_is_reported_by_object_and_never_fixed() -> None:
    live = {"staging": LiveObjects({key: one for key, one in OBJECTS.items() if key[0] == "Deployment"})}
    found = only(compared([row()], [runs(objects=OBJECTS)], live=live))
    assert (found.kind, found.request, found.certain) == ("drift", None, True)
    assert found.drifts == (Drift("Service m-staging", "", "present", "missing"),)
    place = ("staging", "m-staging")
    assert not only(compared([row()], [runs(objects=OBJECTS)], live=live, moving={place: "Helm revision 4 is pending-upgrade"})).certain
    assert not only(compared([row()], [runs(objects=OBJECTS)], live={"staging": LiveObjects(unread="HTTP 403")})).certain


@pytest.mark.parametrize(("reason", "kinds"), [("idle until Monday", []), (None, ["drift"])])
def test_a_scale_to_nothing_of_a_model_that_is_disabled_with_a_reason_is_meant(reason: str | None, kinds: list[str]) -> None:
    scaled = copy.deepcopy(dict(OBJECTS))
    scaled["Deployment", "m-staging"]["spec"]["replicas"] = 0
    rows = [row(status="disabled", deployment_reason=reason)]
    assert [one.kind for one in compared(rows, [runs(objects=OBJECTS)], live={"staging": LiveObjects(scaled)})] == kinds


def test_every_kind_of_difference_is_a_code() -> None:
    tree = ast.parse(pathlib.Path(_differences.__file__).read_text())
    kinds = {node.value.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant)}
    assert len(kinds) == 9
    assert kinds <= set(CODES)
