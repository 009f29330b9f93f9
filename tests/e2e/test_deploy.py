"""The main job: deploy, again, predict, and what it costs others when one model cannot be deployed."""

from __future__ import annotations

import pytest

from lab.testing import RunningLab
from tests.e2e.conftest import Site, play, rows

MODELS = ("llama-3-8b", "mistral-7b")


def test_the_literal_command_deploys_two_models_and_a_second_run_changes_nothing(lab: RunningLab, schema: None) -> None:
    words = ("deploy.yml", "-i", "inventories/development")
    first = play(lab, *words)
    assert first.code == 0, first.tail
    assert all(first.counts[model]["changed"] >= 1 for model in MODELS)
    before = {model: rows(lab, model) for model in MODELS}
    for model in MODELS:
        (row,) = before[model]
        assert (row["deployment_status"], row["deployment_environment"], row["deployment_namespace"]) == ("ready", "development", "development")
        assert row["deployment_endpoint"] == f"{model}-development.development.svc.cluster.local:8000"
        pods = lab.kubectl("get", "pods", "-n", "development", "-l", f"app.kubernetes.io/instance={model}-development", "-o", "wide").stdout
        assert "1/1" in pods
        assert "Running" in pods
    again = play(lab, *words)
    assert again.code == 0, again.tail
    assert [again.counts[model]["changed"] for model in MODELS] == [0, 0], again.tail
    assert {model: rows(lab, model) for model in MODELS} == before, "a row was touched by a run that changed nothing"
    revisions = lab.kubectl("get", "secrets", "-n", "development", "-l", "owner=helm", "-o", "name").stdout.split()
    assert len(revisions) == 2, revisions


def test_check_mode_predicts_and_writes_nothing_on_an_empty_namespace_and_on_a_changed_value(site: Site) -> None:
    model = site.model("predict")
    empty = site.objects()
    predicted = site.play("--check", "--diff")
    assert predicted.code == 0, predicted.tail
    assert predicted.counts[model]["changed"] == 1, predicted.tail
    assert "+kind: Deployment" in predicted.text
    assert site.objects() == empty
    assert site.rows(model) == []

    assert site.play().code == 0
    before, row = site.objects(), site.rows(model)
    site.model("predict", engine={"maxModelLen": 4096})
    changed = site.play("--check", "--diff")
    assert changed.code == 0, changed.tail
    assert changed.counts[model]["changed"] == 1, changed.tail
    assert "4096" in changed.text
    assert site.objects() == before
    assert site.rows(model) == row

    nothing = site.model("predict")
    same = site.play("--check", "--diff")
    assert same.counts[nothing]["changed"] == 0, same.tail


def test_a_changed_value_is_deployed_and_the_row_follows_with_its_history(site: Site) -> None:
    model = site.model("change")
    assert site.play().code == 0
    old = site.ready(model)
    site.model("change", engine={"maxModelLen": 4096})
    done = site.play()
    assert done.code == 0, done.tail
    new = site.ready(model)
    assert new["deployment_revision"] != old["deployment_revision"]
    assert new["deployment_release_revision"] == 2
    assert {row["deployment_status"] for row in site.rows(model)} == {"ready", "superseded"}


def test_an_impossible_model_fails_in_one_sentence_and_the_other_is_deployed(site: Site) -> None:
    fits, giant = site.model("fits"), site.model("giant", values={"gpu": {"count": 9}, "shm": {"sizeLimit": "256Mi"}})
    done = site.play()
    assert done.code == 2, done.tail
    assert done.counts[fits]["failed"] == 0
    assert site.ready(fits)
    assert done.counts[giant]["failed"] == 1
    assert site.rows(giant) == []
    assert site.helm_revisions(giant) == []
    assert site.outcome(giant)["code"] == "pod_too_large"
    assert "9 GPUs" in done.words, done.tail
    assert "gpu-" in done.words


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"image": {"repository": "vllm/vllm-openai", "tag": "latest"}}, "tag_latest"), ({"promotes_from": "staging"}, "promotion_only")],
)
def test_production_refuses_latest_and_what_was_not_promoted(site: Site, settings: dict[str, object], code: str) -> None:
    model = site.model("prod", environment="production", **settings)
    before = site.objects()
    done = site.play()
    assert done.code == 2
    assert site.outcome(model, "production")["code"] == code
    assert site.objects() == before
    assert site.rows(model) == []


def test_register_alone_registers_what_runs_and_refuses_what_does_not(site: Site) -> None:
    model = site.model("alone")
    refused = site.play("-e", f"apply_report_dir={site.reports}", playbook="register.yml")
    assert refused.code == 2
    assert site.outcome(model)["code"] == "not_as_planned"
    site.registers = False
    assert site.play("-e", "vllm_register=false").code == 0
    assert site.rows(model) == []
    done = site.play(playbook="register.yml")
    assert done.code == 0, done.tail
    assert site.ready(model)["deployment_release_revision"] == 1
    assert site.play(playbook="register.yml").counts[model]["changed"] == 0


@pytest.mark.parametrize("name", ["qwen2.5-7b", "Meta/Llama_3", "7b", "vllm", "x" * 70])
def test_a_model_whose_name_no_service_can_have_is_deployed_under_a_safe_one(site: Site, name: str) -> None:
    model = site.model("odd", served=name)
    done = site.play("-e", f"apply_model={name}", "--limit", model)
    assert done.code == 0, done.tail
    (row,) = rows(site.lab, name)
    outcome = next(iter(site.outcomes()))
    service = site.live(model, "service", release=outcome["release"])
    port = service["spec"]["ports"][0]["port"]
    assert row["deployment_endpoint"] == f"{service['metadata']['name']}.{site.namespace}.svc.cluster.local:{port}"
    assert row["deployment_release"] == outcome["release"]
    assert len(outcome["release"]) <= 53
