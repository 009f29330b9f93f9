"""kill -9 of the playbook, wherever it stands: a second run ends where a clean run ends."""

from __future__ import annotations

import os
import re
import signal
import threading

import pytest

from tests.e2e.conftest import Site

#: The task after whose banner the whole process group is killed, and how long after.
POINTS = {
    "while-planning": ("preflight | Find room", 0.0),
    "with-the-lock": ("release | Acquire the release lock", 0.3),
    "in-helm": ("release | Apply the plan", 0.5),
    "in-the-rollout": ("rollout | Wait for the new pods", 0.5),
    "before-registering": ("verify | Generate", 0.4),
}


def kill_after(site: Site, banner: str, seconds: float) -> str:
    """Runs the deploy and kills it, its workers and its Helm, that long after the task began."""
    process = site.start()
    seen: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if line.startswith("TASK") and banner in line:
            threading.Event().wait(seconds)
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()
    return "".join(seen)


def state(site: Site, model: str) -> tuple[object, ...]:
    row = site.ready(model)
    live = [revision["status"] for revision in site.helm_revisions(model) if revision["status"] == "deployed"]
    pods = re.findall(r"\b1/1\b", site.lab.kubectl("get", "pods", "-n", site.namespace, "--no-headers").stdout)
    return row["deployment_bundle"], row["deployment_revision"], row["deployment_endpoint"], live, pods


@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_second_run_after_a_kill_ends_as_a_clean_run(site: Site, point: str) -> None:
    model = site.model(point)
    text = kill_after(site, *POINTS[point])
    again = site.play()
    assert again.code == 0, text + again.text
    once = state(site, model)
    clean = site.play()
    assert clean.counts[model]["changed"] == 0, clean.tail
    assert state(site, model) == once
    assert once[3:] == (["deployed"], ["1/1"])


def test_an_upgrade_that_was_killed_in_helm_is_recovered(site: Site) -> None:
    model = site.model("upgrade")
    assert site.play().code == 0
    site.model("upgrade", engine={"maxModelLen": 2048})
    kill_after(site, "release | Apply the plan", 0.8)
    again = site.play()
    assert again.code == 0, again.tail
    assert site.play().counts[model]["changed"] == 0
    assert state(site, model)[3:] == (["deployed"], ["1/1"])
    assert {row["deployment_status"] for row in site.rows(model)} == {"ready", "superseded"}
