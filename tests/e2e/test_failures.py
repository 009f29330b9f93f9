"""Models that do not come up: told with cause and next step, never routable, and what served before still does."""

from __future__ import annotations

import typing as t

import pytest

from tests.e2e.conftest import Site


def fault(**variables: str) -> dict[str, t.Any]:
    return {"values": {"env": [{"name": f"LAB_ENGINE_{name.upper()}", "value": value} for name, value in variables.items()]}}


BROKEN: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "argument": ({"engine": {"extraArgs": ["--no-such-flag"]}}, ("vLLM does not know the argument --no-such-flag", "engine.extraArgs")),
    "image": ({"image": {"repository": "vllm/vllm-openai", "tag": "v0.0.1"}}, ("vllm/vllm-openai:v0.0.1 cannot be pulled", "image.tag")),
    "never-ready": (
        {"values": {**fault(start_fault="never_ready")["values"], "probes": {"startup": {"failureThreshold": 4}}}},
        ("startup probe", "probes.startup.failureThreshold to 8"),
    ),
    "generation": ({"values": {**fault(broken_after="0")["values"], "probes": {"startup": {"failureThreshold": 4}}}}, ("Unsupported head dim",)),
    "later": (fault(broken_after="1"), ("500",)),
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_model_is_told_with_its_cause_and_is_not_routable(site: Site, kind: str) -> None:
    settings, words = BROKEN[kind]
    model = site.model(kind, **settings)
    done = site.play()
    assert done.code == 2, done.tail
    for expected in words:
        assert expected in done.words, done.tail
    assert "Traceback" not in done.text
    assert "Nothing routes to it" in done.words
    assert [row for row in site.rows(model) if row["deployment_status"] == "ready"] == []


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_change_is_rolled_back_and_what_served_before_still_does(site: Site, kind: str) -> None:
    settings, words = BROKEN[kind]
    model = site.model(kind)
    assert site.play().code == 0
    before = site.ready(model)
    site.model(kind, **settings)
    done = site.play()
    assert done.code == 2, done.tail
    for expected in words:
        assert expected in done.words, done.tail
    assert "Rolled back to revision" in done.words
    assert site.ready(model) == before
    pods = site.lab.kubectl("get", "pods", "-n", site.namespace, "--no-headers").stdout
    assert pods.count("1/1") == 1, pods
    site.model(kind)
    healed = site.play()
    assert healed.code == 0, healed.text
    assert healed.counts[model]["changed"] == 0, "the rollback left something else than what was deployed before"
    assert site.ready(model)["deployment_revision"] == before["deployment_revision"]
