"""Pods that are replaced while they are verified, and connections that something on the way ends."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _route
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._route import Route

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.endpoint.test_verify import verified


class Replaced:
    """A model whose pods are replaced so many times while they are verified."""

    def __init__(self, url: str, times: int) -> None:
        self.url, self.times, self.found = url, times, 0

    def __call__(self, params: dict[str, t.Any], deadline: Deadline) -> Route:
        self.found += 1
        route = DIRECT({**params, "way": "direct", "url": self.url}, deadline)
        return dataclasses.replace(route, gone=lambda: ["pod"] if self.times > self.restarted() else [])

    def restarted(self) -> int:
        return self.found // 2


DIRECT = _route._FINDERS["direct"]


@pytest.mark.parametrize(("times", "restarts"), [(0, 0), (1, 1), (3, 3), (1000, 3)])
def test_a_sample_begins_again_while_pods_are_replaced_and_afterwards_failures_count(monkeypatch: pytest.MonkeyPatch, times: int, restarts: int) -> None:
    with vllm(Behaviour(fail_every=2)) as (url, it):
        monkeypatch.setitem(_route._FINDERS, "port_forward", Replaced(url, times))
        result = verified("", way="port_forward", checks=["latency"], samples=4, warmup=0, gates={"error_rate": 0})
    assert result["restarts"] == restarts
    assert it.generations == 4 * (restarts + 1)
    assert (result["latency"]["failed"], result["verdict"]) == (2, "fail")
