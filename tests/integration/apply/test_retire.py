"""What leaves: out of the registry, drained, uninstalled; its volume stays."""

from __future__ import annotations

from tests.integration.apply.conftest import Json, Model

CACHE: Json = {"cache": {"type": "pvc", "size": "1Gi", "accessMode": "ReadWriteMany"}}


def test_a_model_is_retired_predicted_and_retired_again(model: Model) -> None:
    model.deployed(values=CACHE)
    predicted = model.apply(check_mode=True, state="absent")
    assert predicted["changed"]
    assert f"Deployment {model.release}" in predicted["diff"][0]["before"]
    assert (model.statuses(), model.ready()) == (["ready"], 1)

    done = model.apply(state="absent", reason="replaced")
    assert (done["changed"], done["code"]) == (True, "retired")
    assert model.rows() == []
    assert model.history() == []
    assert model.kubectl("get", "deployments,services", "-o", "name") == ""
    assert model.live("pvc")["metadata"]["name"] == model.release

    again = model.apply(state="absent")
    assert (again["changed"], again["code"]) == (False, "not_installed")


def test_a_model_that_was_never_registered_is_retired_too(model: Model) -> None:
    model.deployed(register=False)
    assert model.apply(state="absent", register=False)["code"] == "retired"
    assert model.history() == []


def test_production_needs_a_reason(model: Model) -> None:
    refused = model.apply(state="absent", environment="production")
    assert refused["code"] == "reason_missing"


def test_one_that_comes_back_finds_its_volume(model: Model) -> None:
    model.deployed(values=CACHE)
    volume = model.live("pvc")["metadata"]["uid"]
    model.apply(state="absent")
    assert model.deployed(values=CACHE)["result"] == "changed"
    assert model.live("pvc")["metadata"]["uid"] == volume
