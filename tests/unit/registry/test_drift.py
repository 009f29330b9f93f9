"""What was changed by hand is seen field by field, and nothing that controllers or defaults change."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry._drift import Drift, LiveObjects, drifts
from ansible_collections.inference.vllm.plugins.module_utils.registry._rendered import rendered

from tests.unit.registry.manifest import MANIFEST

RECORDED = rendered(MANIFEST, "m-staging", "staging", {}).objects
DEPLOYMENT, SERVICE = ("Deployment", "m-staging"), ("Service", "m-staging")


def live(scaled: frozenset[str] | None = frozenset(), **changes: t.Any) -> LiveObjects:
    """As the API server shows it, with its defaults; each change is a function of the Deployment's or the Service's spec."""
    objects = copy.deepcopy(dict(RECORDED))
    objects[DEPLOYMENT]["spec"].update(strategy={"type": "RollingUpdate"}, paused=False)
    objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    objects[SERVICE]["spec"].update(clusterIP="10.0.0.1", sessionAffinity="None")
    for kind, change in changes.items():
        change(objects[kind.capitalize(), "m-staging"]["spec"])
    return LiveObjects(objects, scaled)


def container(spec: dict[str, t.Any]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = spec["template"]["spec"]["containers"][0]
    return found


def test_defaults_of_the_cluster_are_no_drift() -> None:
    assert drifts(RECORDED, live()) == []


@pytest.mark.parametrize(
    ("changes", "object_name", "field", "now"),
    [
        (
            {"deployment": lambda spec: container(spec).update(image="vllm/vllm-openai:nightly")},
            "Deployment m-staging",
            "image of container vllm",
            "vllm/vllm-openai:nightly",
        ),
        ({"deployment": lambda spec: container(spec).update(args=["x"])}, "Deployment m-staging", "args of container vllm", ["x"]),
        ({"deployment": lambda spec: container(spec).update(name="other")}, "Deployment m-staging", "container vllm", "missing"),
        ({"deployment": lambda spec: spec.update(replicas=3)}, "Deployment m-staging", "replicas", 3),
        ({"deployment": lambda spec: spec.update(replicas=0)}, "Deployment m-staging", "replicas", 0),
        ({"service": lambda spec: spec.update(selector={"app": "x"})}, "Service m-staging", "selector", {"app": "x"}),
        ({"service": lambda spec: spec["ports"][0].update(port=9000)}, "Service m-staging", "ports", [{"port": 9000, "targetPort": "http"}]),
    ],
)
def test_each_change_by_hand_is_named(changes: dict[str, t.Any], object_name: str, field: str, now: t.Any) -> None:
    (found,) = drifts(RECORDED, live(**changes))
    assert (found.object, found.field, found.live) == (object_name, field, now)
    assert found.recorded != now


@pytest.mark.parametrize("key", [DEPLOYMENT, SERVICE])
def test_an_object_that_was_deleted_is_missing(key: tuple[str, str]) -> None:
    objects = {other: one for other, one in RECORDED.items() if other != key}
    assert drifts(RECORDED, LiveObjects(objects)) == [Drift(f"{key[0]} {key[1]}", "", "present", "missing")]


@pytest.mark.parametrize("scaled", [frozenset({"m-staging"}), None], ids=["by an autoscaler", "nobody knows"])
def test_replicas_that_an_autoscaler_may_set_are_not_compared(scaled: frozenset[str] | None) -> None:
    assert drifts(RECORDED, live(scaled, deployment=lambda spec: spec.update(replicas=5))) == []


def test_a_manifest_without_replicas_leaves_them_to_whoever_sets_them() -> None:
    recorded = rendered(MANIFEST.replace("  replicas: 2\n", ""), "m-staging", "staging", {}).objects
    assert drifts(recorded, live(deployment=lambda spec: spec.update(replicas=5))) == []


def test_a_scale_to_nothing_that_is_meant_is_no_drift_and_another_one_is() -> None:
    assert drifts(RECORDED, live(deployment=lambda spec: spec.update(replicas=0)), zero_is_meant=True) == []
    assert len(drifts(RECORDED, live(deployment=lambda spec: spec.update(replicas=1)), zero_is_meant=True)) == 1
