"""The files for routers that read files."""

from __future__ import annotations

import json

import pytest
from vllm_routes._formats import FORMATS

from ._rows import refused, route, table


def test_json_has_everything_and_says_its_version() -> None:
    found = json.loads(FORMATS["json"](table(route(), refused(model_name="off"))))
    assert (found["version"], found["environment"]) == (1, "staging")
    assert [one["model_name"] for one in found["routes"]] == ["llama-3-8b", "off"]


def test_litellm_has_what_takes_requests() -> None:
    found = json.loads(FORMATS["litellm"](table(route(), refused(model_name="off"))))
    assert [one["model_name"] for one in found["model_list"]] == ["llama-3-8b"]


def test_nginx_maps_model_and_revision_to_upstream_or_refusal() -> None:
    routes = table(route(revision="a", share=0.9), route(revision="b", share=0.1, url="http://10.0.0.2:8000/v1"), refused(model_name="off"))
    assert (
        FORMATS["nginx"](routes)
        == """# Written by vllm-routes-export; do not edit.
split_clients "$request_id" $vllm_split_0 {
    90.00% "http://10.0.0.1:8000";
    * "http://10.0.0.2:8000";
}
map "$http_x_vllm_model@$http_x_vllm_revision" $vllm_upstream {
    default "";
    "llama-3-8b@" "$vllm_split_0";
    "llama-3-8b@a" "http://10.0.0.1:8000";
    "llama-3-8b@b" "http://10.0.0.2:8000";
}
map "$http_x_vllm_model@$http_x_vllm_revision" $vllm_refusal {
    default "";
    "off@" "503 The model `off` takes no requests in staging (disabled: see INC-1).";
    "off@rev-a" "503 The revision `rev-a` of the model `off` takes no requests in staging (disabled: see INC-1).";
}
"""
    )


@pytest.mark.parametrize("hostile", ['"; } server { listen 1; } #', "$host", "a\\", "a\nb", "é"])
def test_nothing_leaves_nginx_quotes(hostile: str) -> None:
    text = FORMATS["nginx"](
        table(refused(reason=hostile), route(model_name=hostile), route(model_name="m", url=hostile), route(model_name="n", revision=hostile))
    )
    inside = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert inside
    for line in inside:
        assert line.endswith(";")
        assert line.count('"') in (2, 4)
        assert "\\" not in line
        assert "$" not in line.replace("$vllm_split", "")


def test_an_empty_registry_is_a_file_too() -> None:
    assert all(render(table()) for render in FORMATS.values())
