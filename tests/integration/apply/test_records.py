"""What is registered is read from what was rendered, whatever the values and variables are."""

from __future__ import annotations

import random

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.change._names import release_name

from tests.integration.apply.conftest import Json, Model


@pytest.mark.parametrize("seed", range(4))
def test_the_row_equals_the_rendered_service_and_what_the_engine_serves(model: Model, seed: int) -> None:
    choices = random.Random(seed)
    model.name = choices.choice([model.name, f"Org/{model.name}.v2", f"{model.name}_{'long-' * 10}end", f"7b.{model.name}"])
    port, domain = choices.choice([8000, 80, 9000, 65535]), choices.choice(["cluster.local", "k8s.example.com"])
    values: Json = {"service": {"port": port, "clusterDomain": domain}}
    outcome = model.deployed(values=values, replicas=choices.choice([1, 2]))
    release = release_name(model.name, "development")
    service = model.live("service", release)
    (row,) = model.rows()
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.{domain}"
    assert row["deployment_endpoint"] == f"{host}:{service['spec']['ports'][0]['port']}" == f"{host}:{port}"
    assert (row["model_name"], row["deployment_namespace"], row["deployment_release"]) == (model.name, model.namespace, release)
    assert outcome["model"] == model.name, "the name is the one that the engine was told"
    again = model.deployed(values=values, replicas=outcome["replicas"])
    assert again["result"] == "unchanged"


def test_zero_weight_is_zero_and_no_weight_is_all(model: Model) -> None:
    model.deployed()
    assert model.rows()[0]["deployment_weight"] == 100
