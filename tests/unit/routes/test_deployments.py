"""Routes as LiteLLM's deployments."""

from __future__ import annotations

from vllm_routes._deployments import deployments

from ._rows import refused, route, table


def test_a_route_becomes_a_deployment_with_the_rows_id_price_and_weight() -> None:
    (found,) = deployments(table(route(share=0.25)))
    assert found["model_name"] == "llama-3-8b"
    assert found["model_info"]["id"] == "11111111-1111-1111-1111-111111111111"
    assert found["litellm_params"] == {
        "model": "hosted_vllm/llama-3-8b",
        "api_base": "http://10.0.0.1:8000/v1",
        "input_cost_per_token": 0.001,
        "output_cost_per_token": 0.002,
        "weight": 0.25,
    }


def test_what_is_refused_is_no_deployment() -> None:
    assert deployments(table(refused())) == []


def test_a_warm_revision_stands_apart_so_that_no_failover_reaches_it() -> None:
    names = [one["model_name"] for one in deployments(table(route(), route(revision="warm", route_id="2", share=0.0)))]
    assert names == ["llama-3-8b", "llama-3-8b@warm"]


def test_a_base_url_with_or_without_v1_means_the_same() -> None:
    urls = ("http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/")
    assert {deployments(table(route(url=url)))[0]["litellm_params"]["api_base"] for url in urls} == {"http://a:1/v1"}
