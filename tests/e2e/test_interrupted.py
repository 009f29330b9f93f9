"""kill -9 of the playbook, wherever it stands: a second run ends where a clean run ends."""

from __future__ import annotations

import os
import re
import signal
import threading

import pytest

from tests.e2e.conftest import Site

#: The line of progress after which the whole process group is killed, and how long after. The first is the task's own banner.
POINTS = {
    "while-planning": ("Deploy, verify, register or retire the model", 0.3),
    "with-the-lock": ("Deploy, verify, register or retire the model", 1.0),
    "in-helm": ("release: ", 0.2),
    "in-the-rollout": ("rollout: ", 0.5),
    "before-registering": ("rollout: ", 3.0),
}


def kill_after(site: Site, line: str, seconds: float, end: signal.Signals = signal.SIGKILL, **env: str) -> str:
    """Runs the deploy and ends it, its workers and its Helm, that long after the line."""
    process = site.start(env=env)
    seen: list[str] = []
    assert process.stdout is not None
    for printed in process.stdout:
        seen.append(printed)
        if line in printed:
            threading.Event().wait(seconds)
            break
    os.killpg(process.pid, end)
    # As a terminal does: what a program still says on its way out is read.
    seen.append(process.stdout.read())
    process.wait(timeout=60)
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
    kill_after(site, "release: ", 0.5)
    again = site.play()
    assert again.code == 0, again.tail
    assert site.play().counts[model]["changed"] == 0
    assert state(site, model)[3:] == (["deployed"], ["1/1"])
    assert {row["deployment_status"] for row in site.rows(model)} == {"ready", "superseded"}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_or_stopped_leaves_no_secret_in_any_file(site: Site, end: signal.Signals) -> None:
    model = site.model("left")
    temporary, home = site.folder.parent / "a tmp", site.folder.parent / "ansible home"
    temporary.mkdir()
    text = kill_after(site, "rollout: ", 0.3, end, TMPDIR=str(temporary), ANSIBLE_HOME=str(home))
    assert list(temporary.rglob("*")) == []
    given = site.lab.env()
    secrets = [given[name].encode() for name in ("PGPASSWORD", "VLLM_API_KEY", "HF_TOKEN")]
    for path in (path for path in home.rglob("*") if path.is_file()):
        written = path.read_bytes()
        assert not [secret for secret in (*secrets, b"PRIVATE KEY", b"BEGIN CERTIFICATE", b"client-key-data") if secret in written], path
    # Nor is anything left in the cluster that stops the next one.
    again = site.play()
    assert again.code == 0, text + again.text
    assert site.ready(model)
