"""A probe of a registered endpoint: what is its own failure, and what only says that we have no access."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry import _probe

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import ENGINE_DEAD, KEY, broken_generation


def probed(endpoint: str, **given: t.Any) -> str:
    params = {name: option.get("default") for name, option in _probe.probe_options().items()}
    known = {**params, "request_timeout": 2.0, "pause": 0.0, "allowed_networks": ["127.0.0.0/8"], "endpoint_api_key": None, **given}
    return _probe.probe(_probe.ProbeSubject("llama-3-8b", endpoint), known).verdict


@pytest.mark.parametrize(
    ("behaviour", "given", "verdict"),
    [
        (Behaviour(), {}, "pass"),
        (broken_generation(500, ENGINE_DEAD), {}, "fail"),
        (Behaviour(model="mistral-7b"), {}, "fail"),
        (Behaviour(key=KEY), {}, "inconclusive"),
        (broken_generation(403, {}), {}, "inconclusive"),
        (Behaviour(), {"allowed_networks": []}, "inconclusive"),
    ],
    ids=["it serves", "every generation fails", "another model", "our key is wrong", "our key may not generate", "its address is denied"],
)
def test_a_probe_blames_the_endpoint_only_for_what_it_did(behaviour: Behaviour, given: dict[str, t.Any], verdict: str) -> None:
    with vllm(behaviour) as (url, _it):
        assert probed(url, **given) == verdict


def test_a_name_that_does_not_resolve_says_nothing_about_the_endpoint_and_a_closed_port_does() -> None:
    assert probed("model.invalid:8000") == "inconclusive"
    assert probed("127.0.0.1:9") == "fail"
