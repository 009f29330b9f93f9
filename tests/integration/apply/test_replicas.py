"""How many pods are wanted: none, more, fewer, or as many as an autoscaler says."""

from __future__ import annotations

import json

from tests.integration.apply.conftest import Model


def test_zero_replicas_take_the_model_out_of_the_routing_and_more_bring_it_back(model: Model) -> None:
    model.deployed()
    predicted = model.apply(check_mode=True, replicas=0)
    assert [change["fields"] for change in predicted["plan"]["changes"]] == [["replicas 1 -> 0"]]
    none = model.deployed(replicas=0)
    assert (none["code"], none["status"], none["verdict"]) == ("scaled_to_zero", "disabled", "")
    (row,) = model.rows()
    assert row["deployment_status"] == "disabled"
    assert row["deployment_reason"]
    assert model.pods() == {}
    assert model.deployed(replicas=0)["result"] == "unchanged"
    back = model.deployed()
    assert (back["result"], back["status"]) == ("changed", "ready")
    assert model.statuses() == ["ready"]


def test_a_model_that_somebody_disabled_stays_so_when_its_pods_come_back(model: Model) -> None:
    model.deployed()
    import psycopg

    with psycopg.connect(**model.lab.database("operator"), autocommit=True) as connection:
        connection.execute(
            b"UPDATE model_registry_entries SET deployment_status = 'disabled', deployment_reason = 'INC-7' WHERE model_name = %s", (model.name,)
        )
    model.deployed(replicas=0)
    assert model.deployed()["status"] == "disabled"
    assert [row["deployment_reason"] for row in model.rows()] == ["INC-7"]


def test_a_failure_after_zero_replicas_goes_back_to_zero(model: Model) -> None:
    model.deployed()
    model.deployed(replicas=0)
    failed = model.apply(engine={"extraArgs": ["--no-such-flag"]})
    assert failed["outcome"]["result"] == "rolled_back"
    assert (model.live()["spec"]["replicas"], model.pods()) == (0, {})


def test_scaling_restarts_nothing(model: Model) -> None:
    model.deployed()
    first = set(model.pods())
    up = model.deployed(replicas=3)
    assert up["result"] == "changed"
    assert first < set(model.pods())
    three = set(model.pods())
    model.deployed(replicas=2)
    assert set(model.pods()) < three


def test_an_autoscaler_that_targets_the_deployment_owns_the_number_and_no_pod_goes_when_it_takes_over(model: Model) -> None:
    model.deployed(replicas=3)
    pods = set(model.pods())
    model.kubectl("autoscale", "deployment", model.release, "--min=1", "--max=5", "--cpu=80%")
    done = model.deployed(replicas=3)
    assert done["replicas"] is None
    assert set(model.pods()) == pods
    model.kubectl("scale", f"deployment/{model.release}", "--replicas=2")
    assert model.deployed(replicas=3)["result"] == "unchanged"
    assert model.live()["spec"]["replicas"] == 2


def test_the_inventory_may_say_that_an_autoscaler_will_come(model: Model) -> None:
    done = model.deployed(autoscaled=True)
    manifest = json.dumps(model.apply(check_mode=True, autoscaled=True)["plan"]["release_values"])
    assert done["replicas"] is None
    assert '"replicas": null' in manifest
