"""The strategy ``auto``: the room decides, and a downtime that nobody allowed stops the run before anything is touched."""

from __future__ import annotations

import json
import time

from tests.e2e.conftest import Site


def allow(site: Site, gpus: int) -> None:
    """By the namespace's quota, so that no other test on the same nodes can change the answer."""
    patch = json.dumps({"spec": {"hard": {"requests.nvidia.com/gpu": str(gpus)}}})
    site.lab.kubectl("patch", "resourcequota", "gpus", "-n", site.namespace, "--type=merge", "-p", patch, who="admin")
    end = time.monotonic() + 30
    while str(gpus) != site.lab.kubectl("get", "quota", "gpus", "-n", site.namespace, "-o", r"jsonpath={.status.hard.requests\.nvidia\.com/gpu}").stdout:
        assert time.monotonic() < end, "the quota's controller does not answer"
        time.sleep(0.1)


def strategy(site: Site, model: str) -> str:
    return site.lab.kubectl("get", "deployment", f"{model}-development", "-n", site.namespace, "-o", "jsonpath={.spec.strategy.type}").stdout


def test_a_downtime_needs_permission_and_is_told_before_it_comes(site: Site) -> None:
    allow(site, 1)
    model = site.model("tight", allow_downtime=False)
    first = site.play()
    assert first.code == 0, first.tail
    assert "no further pod fits" not in first.words

    site.model("tight", allow_downtime=False, engine={"maxModelLen": 4096})
    before = site.objects(), site.rows(model)
    refused = site.play()
    assert refused.code == 2, refused.tail
    assert "no further pod fits beside the ones that serve" in refused.words
    assert "the quota gpus does not allow a surge pod" in refused.words
    assert "Set vllm_allow_downtime, or free GPUs" in refused.words
    assert (site.objects(), site.rows(model)) == before

    site.model("tight", allow_downtime=True, engine={"maxModelLen": 4096})
    done = site.play()
    assert done.code == 0, done.tail
    assert f"{model}-development: Recreate, downtime from the stop of the 1 old pod until the first new one is ready" in done.words
    assert strategy(site, model) == "Recreate"
