"""A change that fails goes back to what was deployed and serving right before it, and what is said of it was seen."""

from __future__ import annotations

import json

from tests.integration.apply.conftest import BROKEN, Model


def test_after_a_change_of_replicas_alone_the_way_back_has_as_many_pods_and_as_much_memory(model: Model) -> None:
    model.deployed()
    more = {"requests": {"cpu": "1", "memory": "300Mi"}, "limits": {"memory": "2Gi"}}
    model.deployed(replicas=2, resources=more)
    failed = model.apply(replicas=1, engine=BROKEN)
    assert (failed["code"], failed["outcome"]["result"]) == ("unknown_argument", "rolled_back")
    spec = model.live()["spec"]
    assert spec["replicas"] == 2
    assert spec["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "2Gi"
    assert (failed["outcome"]["serving"]["ready"], failed["outcome"]["serving"]["verdict"]) == (2, "pass")
    assert model.statuses() == ["ready"]


def test_twelve_failing_deploys_in_a_row_each_go_back_to_what_was_verified(model: Model) -> None:
    """Helm keeps ten revisions, and each failure makes two: by its number the target is gone after the sixth."""
    good = model.deployed()
    for number in range(12):
        failed = model.apply(engine={"extraArgs": [f"--no-such-flag-{number}"]})
        assert (failed["code"], failed["outcome"]["result"]) == ("unknown_argument", "rolled_back"), failed["msg"]
        assert failed["outcome"]["serving"]["bundle"] == good["bundle"]
        assert failed["outcome"]["serving"]["verdict"] == "pass"
    assert model.deployed()["result"] == "unchanged"
    assert model.ready() == 1


def test_a_bad_revision_that_a_killed_run_left_is_recovered_by_the_next_run_without_a_registry(model: Model) -> None:
    good = model.deployed(register=False)
    left_by_a_killed_run(model, BROKEN)
    failed = model.apply(register=False, engine=BROKEN)
    assert (failed["code"], failed["outcome"]["result"]) == ("unknown_argument", "rolled_back"), failed["msg"]
    assert failed["outcome"]["serving"]["bundle"] == good["bundle"]
    assert model.ready() == 1
    assert model.deployed(register=False)["result"] == "unchanged"


def test_what_was_never_verified_is_verified_by_the_next_run_and_then_counts_as_good(model: Model) -> None:
    model.deployed()
    left_by_a_killed_run(model, {"maxModelLen": 2048})
    better = model.deployed(engine={"maxModelLen": 2048})
    assert better["code"] == "deployed"
    failed = model.apply(engine=BROKEN)
    assert failed["outcome"]["serving"]["bundle"] == better["bundle"]


def test_a_first_install_that_fails_is_left_to_look_at_and_mended_by_the_next_run_alone(model: Model) -> None:
    failed = model.apply(engine=BROKEN)
    assert (failed["code"], failed["outcome"]["result"]) == ("unknown_argument", "failed")
    assert failed["outcome"]["serving"]["verdict"] != "pass"
    assert model.rows() == []
    assert model.deployed()["result"] == "changed"
    assert model.statuses() == ["ready"]


def test_after_a_reinstall_by_hand_nothing_is_said_to_serve_that_does_not(model: Model) -> None:
    model.deployed()
    model.helm("uninstall", model.release, "--wait")
    failed = model.apply(engine=BROKEN)
    assert (failed["outcome"]["result"], failed["outcome"]["serving"]["verdict"]) == ("failed", "fail")
    assert failed["outcome"]["serving"]["ready"] == 0
    assert model.deployed()["result"] == "changed"


def test_a_lost_row_and_a_lost_lease_do_not_hide_what_served(model: Model) -> None:
    good = model.deployed(register=False)
    model.kubectl("delete", "lease", f"inference-vllm-{model.release}")
    failed = model.apply(register=False, engine=BROKEN)
    assert failed["outcome"]["result"] == "rolled_back"
    assert failed["outcome"]["serving"]["bundle"] == good["bundle"]


def test_a_run_may_leave_the_failed_revision_where_it_is(model: Model) -> None:
    model.deployed()
    failed = model.apply(engine=BROKEN, rollback_on_failure=False)
    assert failed["outcome"]["result"] == "failed"
    assert "--no-such-flag" in json.dumps(model.live()["spec"]["template"])


def left_by_a_killed_run(model: Model, engine: dict[str, object]) -> None:
    """What stands when a run is killed between Helm and its verification: the release is changed, and nothing else knows of it."""
    plan = model.apply(check_mode=True, register=False, engine=engine)["plan"]
    values = model.lab.root / ".cache" / f"{model.name}.json"
    values.parent.mkdir(exist_ok=True)
    values.write_text(json.dumps(plan["release_values"]))
    try:
        model.helm("upgrade", model.release, plan["chart_ref"], "--values", str(values))
    finally:
        values.unlink()
