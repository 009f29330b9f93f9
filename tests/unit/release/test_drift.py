"""How a live object differs from the plan: named, healed, and never with a secret in the words."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.release import _drift as drift
from ansible_collections.inference.vllm.plugins.module_utils.release import _manifest as manifest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.release._build import Json, container, deployment

SECRET = "canary-s3cret"


def change(live: Json | None, planned: Json | None = None) -> t.Any:
    return drift.change("Deployment", "m", live, planned or deployment())


def test_an_object_as_planned_is_no_change_whatever_the_api_server_notes_on_it() -> None:
    live = deployment()
    live["metadata"] |= {"uid": "u", "resourceVersion": "9", "generation": 3, "managedFields": [{}], "creationTimestamp": "now"}
    live["status"] = {"readyReplicas": 1}
    assert change(live) is None


def test_an_object_that_was_deleted_is_created_again() -> None:
    found = change(None)
    assert (found.action, found.live) == ("create", True)
    assert not drift.replaces_pods(None, deployment())


@pytest.mark.parametrize("replicas", [0, 3])
def test_scaling_by_hand_is_named_with_both_numbers_and_replaces_no_pod(replicas: int) -> None:
    live = deployment()
    live["spec"]["replicas"] = replicas
    found = change(live)
    assert found.fields == (f"replicas {replicas} -> 1",)
    assert not drift.replaces_pods(live, deployment())


def test_an_image_by_hand_is_named_with_both_and_replaces_pods() -> None:
    live = deployment(image="evil:2")
    (field,) = change(live).fields
    assert "evil:2 -> repo/vllm:1" in field
    assert drift.replaces_pods(live, deployment())


def test_a_selector_by_hand_is_named_with_both() -> None:
    service: Json = {"kind": "Service", "metadata": {"name": "m"}, "spec": {"selector": {"app": "m"}}}
    live = copy.deepcopy(service)
    live["spec"]["selector"]["app"] = "other"
    found = drift.change("Service", "m", live, service)
    assert found is not None
    assert found.fields == ("spec.selector.app other -> m",)


def test_pods_that_do_not_run_are_not_replaced() -> None:
    live = deployment(image="evil:2")
    live["spec"]["replicas"] = 0
    assert not drift.replaces_pods(live, deployment())


@pytest.mark.parametrize("field", ["env", "volumeMounts"])
def test_what_somebody_added_to_a_container_goes(field: str) -> None:
    live = deployment()
    container(live).setdefault(field, []).append({"name": "ADDED", "mountPath": "ADDED", "value": SECRET})
    before = copy.deepcopy(live)
    wanted = drift.desired(live, deployment(), deployment(**{field: container(deployment()).get(field, [])}))
    assert "ADDED" not in repr(wanted)
    assert live == before, "nothing is edited in place"


def test_what_neither_the_manifest_nor_the_record_says_stays() -> None:
    live = deployment()
    live["metadata"] |= {"resourceVersion": "9", "annotations": {"deployment.kubernetes.io/revision": "4"}}
    live["spec"]["revisionHistoryLimit"] = 10
    live["status"] = {"readyReplicas": 1}
    wanted = drift.desired(live, deployment(), deployment())
    assert wanted["metadata"]["resourceVersion"] == "9"
    assert wanted["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "4"}
    assert wanted["spec"]["revisionHistoryLimit"] == 10
    assert "status" not in wanted


def test_what_the_record_has_and_the_manifest_no_longer_has_goes() -> None:
    recorded = deployment()
    recorded["metadata"]["annotations"] = {"old": "x"}
    live = copy.deepcopy(recorded)
    live["metadata"]["annotations"]["another"] = "y"
    rendered = deployment()
    rendered["metadata"]["annotations"] = {}
    assert drift.desired(live, recorded, rendered)["metadata"]["annotations"] == {"another": "y"}


def test_a_number_of_replicas_that_an_autoscaler_owns_stays_also_where_the_record_has_one() -> None:
    live, rendered = deployment(), deployment()
    live["spec"]["replicas"] = 4
    del rendered["spec"]["replicas"]
    assert drift.desired(live, deployment(), rendered)["spec"]["replicas"] == 4


def test_a_selector_is_the_manifests_as_a_whole() -> None:
    service: Json = {"kind": "Service", "metadata": {"name": "m"}, "spec": {"selector": {"app": "m"}, "clusterIP": "10.0.0.1"}}
    live = copy.deepcopy(service)
    live["spec"]["selector"]["by"] = "hand"
    assert drift.desired(live, service, service) == service


def claim(size: str | None, **spec: t.Any) -> Json:
    asked = {} if size is None else {"resources": {"requests": {"storage": size}}}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": "m"}, "spec": {"accessModes": ["ReadWriteOnce"], **asked, **spec}}


@pytest.mark.parametrize(
    ("live", "rendered", "wanted"),
    [("200Gi", "100Gi", "200Gi"), ("1Ti", "1000Gi", "1Ti"), ("107374182400", "100Gi", "107374182400"), ("100G", "100Gi", "100Gi"), ("1.5Ti", "2Ti", "2Ti")],
)
def test_a_claim_grows_and_never_shrinks_and_nothing_else_of_it_is_touched(live: str, rendered: str, wanted: str) -> None:
    there = claim(live, volumeName="pv-1", storageClassName="fast")
    found = drift.desired(there, claim(rendered), claim(rendered, storageClassName="slow"))
    assert found["spec"] == claim(wanted, volumeName="pv-1", storageClassName="fast")["spec"]


def test_recreate_has_no_numbers_of_a_rolling_update() -> None:
    live, rendered = deployment(), deployment()
    live["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    rendered["spec"]["strategy"] = {"type": "Recreate"}
    assert drift.desired(live, None, rendered)["spec"]["strategy"] == {"type": "Recreate"}


@given(st.recursive(st.integers(0, 2) | st.text("ab", max_size=2), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6))
def test_what_is_as_rendered_already_stays_as_it_is(extra: t.Any) -> None:
    rendered = deployment()
    rendered["spec"]["extra"] = extra
    live = copy.deepcopy(rendered)
    assert drift.desired(live, rendered, rendered) == live


texts = st.text(alphabet="abc", min_size=1, max_size=5)
envs = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.just("value"), max_size=3)


@given(envs, envs, st.sampled_from(["value", "valueFrom"]))
def test_no_value_of_an_environment_variable_is_ever_in_the_words(ours: dict[str, str], theirs: dict[str, str], key: str) -> None:
    def env(names: dict[str, str], mark: str) -> list[Json]:
        return [{"name": name, key: f"{SECRET}-{mark}" if key == "value" else {"secretKeyRef": {"name": "s", "key": f"{SECRET}-{mark}"}}} for name in names]

    live, planned = deployment(env=env(theirs, "live")), deployment(env=env(ours, "planned"))
    found = drift.change("Deployment", "m", live, planned)
    if found is not None:
        assert SECRET not in found.words()
        assert SECRET not in repr(found.document())


@pytest.mark.parametrize(
    "edit",
    [
        lambda obj, text: container(obj).update(args=["serve", "--api-key", text]),
        lambda obj, text: container(obj).update(command=[text]),
        lambda obj, text: obj["metadata"].update(annotations={"token": text, "x.image": text, "my.selector.y": text}),
        lambda obj, text: obj["spec"]["template"]["metadata"].update(annotations={"x.image": text, "b.type": text}),
        lambda obj, text: obj.update(data={"password": text}),
        lambda obj, text: obj.update(data={"db.port": text, "spec.selector.password": text}),
        lambda obj, text: obj.update(stringData={"a.type": text, "c.replicas": text, "image": text}),
        lambda obj, text: obj["spec"].update(data={"type": text, "image": text, "selector": {"x": text}}),
        lambda obj, text: container(obj).update(env=[{"name": "a.image", "value": text}, {"name": "X", "value": text}]),
        lambda obj, text: container(obj).update(env=[{"name": "X", "value": text}, {"name": "X", "value": f"{text}2"}]),
        lambda obj, text: container(obj).update(lifecycle={"preStop": {"httpGet": {"httpHeaders": [{"name": "a.image", "value": text}]}}}),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_nothing_that_may_be_a_secret_is_ever_in_the_words(edit: t.Callable[[Json, str], None], before: bool) -> None:
    """Also where its key is called as a field whose values are shown, and whether it was there before or not."""
    live, planned = deployment(), deployment()
    edit(live, SECRET)
    if before:
        edit(planned, f"{SECRET}-old")
    found = change(live, planned)
    assert found is not None
    assert SECRET not in found.words()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda obj: obj["spec"].update(type="NodePort"), "spec.type none -> NodePort"),
        (lambda obj: obj["spec"].update(replicas=2), "replicas 1 -> 2"),
        (lambda obj: container(obj).update(image="i:2"), "spec.template.spec.containers[engine].image repo/vllm:1 -> i:2"),
    ],
)
def test_plain_fields_are_shown_with_both_values(edit: t.Callable[[Json], None], words: str) -> None:
    planned = deployment()
    edit(planned)
    assert drift.differing(deployment(), planned) == [words]


json_values = st.recursive(
    st.none() | st.integers(0, 3) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(["name", "port"]), inner, max_size=3),
    max_leaves=6,
)


@given(json_values, json_values)
def test_values_differ_exactly_when_a_path_is_named(before: t.Any, after: t.Any) -> None:
    assert (drift.differing({"spec": before}, {"spec": after}) == []) == (before == after or _only_order_or_null(before, after))
    assert drift.differing({"spec": before}, {"spec": before}) == []


def _only_order_or_null(before: t.Any, after: t.Any) -> bool:
    """Kubernetes means the same by null and by nothing, and by the order of items that have names."""
    return drift.differing({"spec": before}, {"spec": after}) == [] and manifest_text(before) == manifest_text(after)


def manifest_text(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: manifest_text(inner) for key, inner in sorted(value.items()) if inner is not None}
    if isinstance(value, list):
        return sorted((manifest_text(inner) for inner in value), key=repr)
    return value


def test_no_more_than_a_few_fields_are_named_and_the_rest_is_counted() -> None:
    live = deployment(**{f"field{number}": number for number in range(20)})
    found = change(live)
    assert len(found.fields) == drift.MOST_FIELDS + 1


SERVICE = "---\n# Source: a\napiVersion: v1\nkind: Service\nmetadata: {name: m}\nspec: {a: 1, b: 2}\n"
SAME = "---\nkind: Service\nmetadata:\n  name: m\napiVersion: v1\nspec:\n  b: 2\n  a: 1\n"


def test_manifests_are_compared_by_meaning() -> None:
    assert manifest.changes(manifest.parse(SERVICE), manifest.parse(SAME)) == ()


def test_the_difference_shows_only_what_differs() -> None:
    other = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: m}\n"
    before, after = manifest.parse(SERVICE + other), manifest.parse(SERVICE.replace("a: 1", "a: 3") + other)
    shown = manifest.difference(before, after)
    assert "ServiceAccount" not in shown["before"] + shown["after"]
    assert "a: 3" in shown["after"]
    assert [(one.action, one.kind) for one in manifest.changes(before, after)] == [("change", "Service")]


def test_what_is_created_and_removed_is_named() -> None:
    objects = manifest.parse(SERVICE)
    assert [one.action for one in manifest.changes({}, objects)] == ["create"]
    assert [one.action for one in manifest.changes(objects, {})] == ["remove"]


@pytest.mark.parametrize("text", ["just words: [", "- a", "a: 1", "kind: Service", "words"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(manifest.ManifestError) as refused:
        manifest.parse(text)
    assert refused.value.code == "manifest"
