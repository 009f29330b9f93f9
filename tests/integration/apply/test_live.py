"""The plan compares what is live: what somebody did by hand is seen, named and put right; and Helm's own accidents are survived."""

from __future__ import annotations

import base64
import gzip
import json
import typing as t

import pytest

from tests.integration.apply.conftest import Json, Model

BY_HAND: dict[str, tuple[tuple[str, ...], str]] = {
    "image": (("set", "image", "deployment/{}", "vllm=vllm/vllm-openai:v0.31.0"), "image vllm/vllm-openai:v0.31.0 -> vllm/vllm-openai:v0.32.0"),
    "variable": (("set", "env", "deployment/{}", "BY_HAND=secret-canary"), "env[BY_HAND]"),
    "scaled to 3": (("scale", "deployment/{}", "--replicas=3"), "replicas 3 -> 1"),
    "scaled to 0": (("scale", "deployment/{}", "--replicas=0"), "replicas 0 -> 1"),
    "selector": (("patch", "service", "{}", "--type=merge", "-p", '{"spec": {"selector": {"by": "hand"}}}'), "spec.selector.by"),
    "no Service": (("delete", "service", "{}"), ""),
    "no Deployment": (("delete", "deployment", "{}"), ""),
}


@pytest.mark.parametrize("what", sorted(BY_HAND))
def test_what_was_changed_by_hand_is_named_and_put_right_and_then_nothing_is_left_to_do(model: Model, what: str) -> None:
    command, field = BY_HAND[what]
    model.deployed()
    model.kubectl(*(word.replace("{}", model.release) for word in command))
    predicted = model.apply(check_mode=True)
    changes = predicted["plan"]["changes"]
    assert predicted["plan"]["code"] == "drift"
    assert any(field in found for change in changes for found in change["fields"]) or (not field and changes[0]["action"] == "create"), changes
    assert "secret-canary" not in json.dumps(changes)
    assert model.deployed()["result"] == "changed"
    again = model.apply(check_mode=True)
    assert (again["changed"], again["plan"]["change"]) == (False, "none"), again["plan"]["reason"]
    assert model.ready() == 1
    assert "BY_HAND" not in json.dumps(model.live()["spec"])


def test_what_was_changed_by_hand_may_be_left(model: Model) -> None:
    model.deployed()
    model.kubectl("scale", f"deployment/{model.release}", "--replicas=2")
    assert model.apply(check_mode=True, fix_drift=False)["plan"]["change"] == "none"


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling", "unknown", "failed"])
@pytest.mark.parametrize("first", [True, False], ids=["first install", "upgrade"])
def test_a_release_that_helm_left_anyhow_is_deployable_by_our_command_alone_and_no_pod_restarts(model: Model, status: str, first: bool) -> None:
    if first and status in ("pending-upgrade", "pending-rollback"):
        pytest.skip("helm leaves that only where something was deployed before")
    values: Json = {"cache": {"type": "pvc", "size": "1Gi", "accessMode": "ReadWriteMany"}}
    model.deployed(values=values)
    pods, volume = set(model.pods()), model.live("pvc")["metadata"]["uid"]
    if not first:
        model.deployed(values=values, engine={"maxModelLen": 4096})
        pods = set(model.pods())
    change_record(model, status)
    engine = {} if first else {"maxModelLen": 4096}
    done = model.deployed(values=values, engine=engine)
    assert done["result"] == "changed"
    assert set(model.pods()) == pods, "a record of Helm's is no reason to restart anything"
    assert model.live("pvc")["metadata"]["uid"] == volume
    assert [revision["status"] for revision in model.history()].count("deployed") == 1
    assert model.deployed(values=values, engine=engine)["result"] == "unchanged"


def test_a_release_of_another_chart_is_refused_by_name_and_nothing_of_it_is_touched(model: Model) -> None:
    model.deployed()
    change_record(model, "deployed", chart="somebody-elses")
    before = model.kubectl("get", "deployments,services,secrets", "-o", "name")
    refused = model.apply(engine={"maxModelLen": 4096})
    assert refused["code"] == "other_chart"
    assert "somebody-elses" in refused["msg"]
    assert model.apply(state="absent")["code"] == "other_chart"
    assert model.kubectl("get", "deployments,services,secrets", "-o", "name") == before


def change_record(model: Model, status: str, *, chart: str = "") -> None:
    """Makes the newest record of the release say something else, as a Helm that was killed, or another chart, would have."""
    number = model.history()[-1]["revision"]
    name = f"sh.helm.release.v1.{model.release}.v{number}"
    secret = model.live("secret", name)
    record: Json = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    record["info"]["status"] = status
    record["chart"]["metadata"]["name"] = chart or record["chart"]["metadata"]["name"]
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    patch: dict[str, t.Any] = {"data": {"release": packed}, "metadata": {"labels": {"status": status}}}
    model.kubectl("patch", "secret", name, "--type=merge", "-p", json.dumps(patch))
