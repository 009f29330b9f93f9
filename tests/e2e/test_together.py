"""Two people, one model: one deploys, the other is told by whom it is held, waits, and finds nothing left to do."""

from __future__ import annotations

import subprocess

from tests.e2e.conftest import Site


def test_of_two_deploys_at_once_one_works_and_the_other_waits_and_changes_nothing(site: Site) -> None:
    model = site.model("both")
    runs = [site.start(), site.start()]
    texts = [finished(run) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(text[-2000:] for text in texts)
    told = [text for text in texts if "holds the lock" in text]
    assert len(told) == 1, "exactly one must have waited for the other"
    assert len(site.helm_revisions(model)) == 1
    assert len(site.rows(model)) == 1


def test_a_run_that_may_not_wait_names_the_one_who_holds_the_operation(site: Site) -> None:
    model = site.model("held", values={"env": [{"name": "LAB_ENGINE_LOAD_SECONDS", "value": "20"}]})
    first = site.start()
    assert first.stdout is not None
    for line in first.stdout:
        if "rollout: " in line:
            break
    second = site.play("-e", "vllm_lock_wait_timeout=0")
    assert second.code == 2
    assert site.outcome(model)["code"] == "lock_held"
    assert "deploy of" in second.words, second.tail
    text = finished(first)
    assert first.returncode == 0, text[-2000:]


def finished(run: subprocess.Popen[str]) -> str:
    text, _none = run.communicate(timeout=240)
    return text
