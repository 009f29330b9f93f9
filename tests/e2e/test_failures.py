"""Models that do not come up: told with cause and next step, never routable, and what served before still does."""

from __future__ import annotations

import typing as t

from tests.e2e.conftest import Ran, Site


def fault(**variables: str) -> dict[str, t.Any]:
    return {"values": {"env": [{"name": f"LAB_ENGINE_{name.upper()}", "value": value} for name, value in variables.items()]}}


#: Twelve seconds to come up in, for those that never do.
SHORT = {"probes": {"startup": {"periodSeconds": 3, "failureThreshold": 4}}}

BROKEN: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "argument": ({"engine": {"extraArgs": ["--no-such-flag"]}}, ("vLLM does not know the argument --no-such-flag", "engine.extraArgs")),
    "image": ({"image": {"repository": "vllm/vllm-openai", "tag": "v0.0.1"}}, ("vllm/vllm-openai:v0.0.1 cannot be pulled", "image.tag")),
    "never-ready": (
        {"values": fault(start_fault="never_ready")["values"] | SHORT},
        ("startup probe", "probes.startup.failureThreshold to 8"),
    ),
    "generation": (fault(broken_after="0"), ("Unsupported head dim",)),
    "later": (fault(broken_after="1"), ("500",)),
}


def test_broken_models_are_told_with_their_causes_and_none_is_routable(site: Site) -> None:
    models = {kind: site.model(kind, **settings) for kind, (settings, _words) in BROKEN.items()}
    done = site.play()
    assert done.code == 2, done.tail
    assert "Traceback" not in done.text
    for kind, model in models.items():
        told(done, kind, model, "Nothing routes to it")
        assert [row for row in site.rows(model) if row["deployment_status"] == "ready"] == []


def test_broken_changes_are_rolled_back_and_what_served_before_still_does(site: Site) -> None:
    models = {kind: site.model(kind) for kind in BROKEN}
    first = site.play()
    assert first.code == 0, first.text
    before = {model: site.ready(model) for model in models.values()}
    for kind, (settings, _words) in BROKEN.items():
        site.model(kind, **settings)
    done = site.play()
    assert done.code == 2, done.tail
    for kind, model in models.items():
        told(done, kind, model, "Rolled back to revision")
        assert site.ready(model) == before[model]
        pods = site.lab.kubectl("get", "pods", "-n", site.namespace, "-l", f"app.kubernetes.io/instance={model}-development", "--no-headers").stdout
        assert pods.count("1/1") == 1, pods
    for kind in models:
        site.model(kind)
    healed = site.play()
    assert healed.code == 0, healed.text
    for model in models.values():
        assert healed.counts[model]["changed"] == 0, "the rollback left something else than what was deployed before"
        assert site.ready(model)["deployment_revision"] == before[model]["deployment_revision"]


def told(done: Ran, kind: str, model: str, aftermath: str) -> None:
    """The model's own failure names its cause, the value to change, and what serves now."""
    said = done.failure(model)
    for expected in (*BROKEN[kind][1], aftermath):
        assert expected in said, f"{model}: {said or done.tail}"
