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

    site.model("tight", allow_downtime=False, engine={"maxModelLen": 4096})
    before = site.objects(), site.rows(model)
    refused = site.play()
    assert refused.code == 2, refused.tail
    assert site.outcome(model)["code"] == "downtime"
    assert "vllm_allow_downtime" in refused.words
    assert without_lease(site.objects()) == without_lease(before[0])
    assert site.rows(model) == before[1]

    site.model("tight", allow_downtime=True, engine={"maxModelLen": 4096})
    done = site.play()
    assert done.code == 0, done.tail
    assert "Recreate, downtime from the stop of the old pod until the first new one is ready" in done.words
    assert strategy(site, model) == "Recreate"


def test_more_pods_beside_the_ones_that_serve_are_no_downtime(site: Site) -> None:
    """A surge pod would not fit, and none is needed: the template stays as it is."""
    allow(site, 2)
    model = site.model("grows", allow_downtime=False)
    assert site.play().code == 0
    first = {pod["metadata"]["name"] for pod in site.pods(model)}
    site.model("grows", allow_downtime=False, replicas=2)
    done = site.play()
    assert done.code == 0, done.tail
    assert first < {pod["metadata"]["name"] for pod in site.pods(model)}
    assert strategy(site, model) == "RollingUpdate"


def without_lease(objects: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in objects.items() if not name.startswith("Lease/")}
