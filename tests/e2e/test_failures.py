"""Models that do not come up: told with cause and next step, never routable, and what served before still does."""

from __future__ import annotations

import typing as t

from tests.e2e.conftest import Ran, Site


def fault(**variables: str) -> dict[str, t.Any]:
    return {"values": {"env": [{"name": f"LAB_ENGINE_{name.upper()}", "value": value} for name, value in variables.items()]}}


#: Twelve seconds to come up in, for those that never do.
SHORT = {"probes": {"startup": {"periodSeconds": 3, "failureThreshold": 4}}}

#: A model's settings, the code that its failure carries, and what its sentence names.
BROKEN: dict[str, tuple[dict[str, t.Any], str, tuple[str, ...]]] = {
    "argument": ({"engine": {"extraArgs": ["--no-such-flag"]}}, "unknown_argument", ("--no-such-flag", "engine.extraArgs")),
    "image": ({"image": {"repository": "vllm/vllm-openai", "tag": "v0.0.1"}}, "image_pull", ("vllm/vllm-openai:v0.0.1", "image.tag")),
    "never-ready": ({"values": fault(start_fault="never_ready")["values"] | SHORT}, "startup_probe", ("probes.startup.failureThreshold to 8",)),
    # Its engine dies of the generation that the startup probe asks for.
    "generation": (fault(broken_after="0"), "engine_died", ("Unsupported head dim",)),
    "later": (fault(broken_after="1"), "verification_failed", ("500",)),
}


def test_broken_models_are_reported_with_their_causes_and_none_is_routable(site: Site) -> None:
    models = {kind: site.model(kind, **broken[0]) for kind, broken in BROKEN.items()}
    done = site.play()
    assert done.code == 2, done.tail
    assert "Traceback" not in done.text
    for kind, model in models.items():
        outcome = failed(site, done, kind, model)
        assert outcome["result"] == "failed"
        assert outcome["serving"]["verdict"] != "pass" or kind == "later"
        assert [row for row in site.rows(model) if row["deployment_status"] == "ready"] == []


def test_broken_changes_are_rolled_back_and_what_served_before_still_does(site: Site) -> None:
    models = {kind: site.model(kind) for kind in BROKEN}
    first = site.play()
    assert first.code == 0, first.text
    before = {model: site.ready(model) for model in models.values()}
    for kind, broken in BROKEN.items():
        site.model(kind, **broken[0])
    done = site.play()
    assert done.code == 2, done.tail
    for kind, model in models.items():
        outcome = failed(site, done, kind, model)
        assert outcome["result"] == "rolled_back"
        assert outcome["serving"] == {
            "revision": before[model]["deployment_revision"],
            "bundle": before[model]["deployment_bundle"],
            "release_revision": 3,
            "ready": 1,
            "wanted": 1,
            "verdict": "pass",
        }
        assert site.ready(model) == before[model]
        assert len(site.pods(model)) == 1
    recovers_at_once(done, models.values())
    for kind in models:
        site.model(kind)
    healed = site.play()
    assert healed.code == 0, healed.text
    for model in models.values():
        assert healed.counts[model]["changed"] == 0, "the rollback left something else than what was deployed before"
        assert site.ready(model)["deployment_revision"] == before[model]["deployment_revision"]


def recovers_at_once(done: Ran, models: t.Collection[str]) -> None:
    """The recovery of the model that fails first begins while the rollouts of its neighbors still go on."""
    lines = done.text.splitlines()
    recovers = {model: next(number for number, line in enumerate(lines) if line.startswith(f"{model}: recover: ")) for model in models}
    first = min(recovers.values())
    assert [line for model, end in recovers.items() for line in lines[first:end] if line.startswith(f"{model}: rollout: ")], done.tail


def failed(site: Site, done: Ran, kind: str, model: str) -> dict[str, t.Any]:
    """The outcome, whose code and sentence name the cause and the value to change."""
    outcome, (_settings, code, words) = site.outcome(model), BROKEN[kind]
    assert outcome["code"] == code, outcome
    for expected in words:
        assert expected in outcome["message"], outcome["message"]
    # The line that a person sees at the end of the play says the same.
    assert " ".join(outcome["message"].split())[:60] in done.failure(model)
    return outcome
