"""Pods that are replaced while they are verified, and connections that break in between."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import DeadlineError
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Forbidden, Unreachable
from ansible_collections.inference.vllm.plugins.module_utils.cluster._portforward import ForwardLost
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _guard, _route
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._route import Route
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._transports import Direct

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import verdicts, verified


class Replaced:
    """A model whose pods are replaced so many times while they are verified."""

    def __init__(self, url: str, times: int) -> None:
        self.url, self.times, self.found = url, times, 0

    def __call__(self, params: dict[str, t.Any], deadline: Deadline) -> Route:
        self.found += 1
        route = DIRECT({**params, "via": "direct", "url": self.url}, deadline)
        return dataclasses.replace(route, gone=lambda: ["pod"] if self.times > self.restarted() else [])

    def restarted(self) -> int:
        return self.found // 2


DIRECT = _route._FINDERS["direct"]


@pytest.mark.parametrize(("times", "restarts"), [(0, 0), (1, 1), (3, 3), (1000, 3)])
def test_a_sample_begins_again_while_pods_are_replaced_and_afterwards_failures_count(monkeypatch: pytest.MonkeyPatch, times: int, restarts: int) -> None:
    with vllm(Behaviour(fail_every=2)) as (url, it):
        monkeypatch.setitem(_route._FINDERS, "port_forward", Replaced(url, times))
        result = verified("", via="port_forward", checks=["latency"], samples=4, warmup=0, gates={"error_rate": 0})
    assert result["restarts"] == restarts
    assert it.generations == 4 * (restarts + 1)
    assert (result["latency"]["failed"], result["verdict"]) == (2, "fail")


class Cut:
    """A connection that breaks in between after so many reads."""

    def __init__(self, pipe: t.Any, reads: int) -> None:
        self._pipe, self._reads = pipe, reads

    def recv_into(self, buffer: memoryview, /) -> int:
        self._reads -= 1
        if self._reads < 0:
            raise ForwardLost("the forwarding broke")
        return int(self._pipe.recv_into(buffer))

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._pipe, name)


@dataclasses.dataclass
class Unsteady(Direct):
    """Its connections end after ``reads`` reads, whatever was on them then; 0 loses every request."""

    reads: int = 0
    dialled: int = 0

    def dial(self, seconds: float) -> t.Any:
        self.dialled += 1
        return Cut(super().dial(seconds), self.reads)


def unsteady(monkeypatch: pytest.MonkeyPatch, url: str, reads: int) -> Unsteady:
    transport = Unsteady(_guard.parse(url), _guard.networks(["127.0.0.0/8"]), reads=reads)
    monkeypatch.setitem(_route._FINDERS, "port_forward", lambda _params, _deadline: Route("port_forward", "pod a", (transport,)))
    return transport


def test_a_connection_that_breaks_in_between_is_made_again_and_no_request_fails_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with vllm(Behaviour(gap=0.001)) as (url, _it):
        transport = unsteady(monkeypatch, url, reads=13)
        result = verified("", via="port_forward", samples=40, gates={"error_rate": 0})
    assert result["verdict"] == "pass", result["message"]
    assert (result["latency"]["requests"], result["latency"]["failed"]) == (40, 0)
    assert transport.dialled > 5


def test_a_transport_that_never_holds_says_nothing_about_the_model_and_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with vllm() as (url, _it):
        transport = unsteady(monkeypatch, url, reads=0)
        result = verified("", via="port_forward", checks=["health", "chat"])
    assert (result["verdict"], result["code"]) == ("inconclusive", "transport_lost")
    assert "the forwarding broke" in result["message"]
    assert transport.dialled == 4


class Superseded:
    """Pods of a Deployment whose template changes after so many looks, or that can no longer be asked for it."""

    def __init__(self, url: str, *, after: int = 0, error: Exception | None = None, gone: bool = False) -> None:
        self.url, self.after, self.error, self.pods_gone, self.looks, self.found = url, after, error, gone, 0, 0

    def __call__(self, params: dict[str, t.Any], deadline: Deadline) -> Route:
        self.found += 1
        route = DIRECT({**params, "via": "direct", "url": self.url}, deadline)
        return dataclasses.replace(route, subject={"template_hash": "old"}, superseded=self.look, gone=lambda: ["pod"] if self.pods_gone else [])

    def look(self) -> bool:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.looks > self.after


@pytest.mark.parametrize("fail_every", [0, 1], ids=["all checks passed", "a check failed"])
def test_when_a_newer_replica_set_appears_the_verdict_is_inconclusive_whatever_was_found(monkeypatch: pytest.MonkeyPatch, fail_every: int) -> None:
    with vllm(Behaviour(fail_every=fail_every)) as (url, _it):
        monkeypatch.setitem(_route._FINDERS, "port_forward", Superseded(url, gone=True))
        result = verified("", via="port_forward", checks=["health", "chat"])
    assert (result["verdict"], result["code"], result["restarts"]) == ("inconclusive", "pods_replaced", 0)
    assert (result["checks"][-1]["name"], result["checks"][-1]["code"]) == ("pods", "pods_replaced")
    assert verdicts(result)["chat"] == ("fail" if fail_every else "pass")


def test_pods_that_are_replaced_by_pods_of_the_same_template_are_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with vllm(Behaviour(fail_every=1)) as (url, it):
        found = Superseded(url, after=1000, gone=True)
        monkeypatch.setitem(_route._FINDERS, "port_forward", found)
        it.fail_every = 0
        result = verified("", via="port_forward", checks=["health", "chat"])
    assert (result["verdict"], result["code"], found.looks) == ("pass", "verified", 1)


def test_pods_superseded_during_a_second_attempt_are_not_those_that_were_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    with vllm(Behaviour(fail_every=1)) as (url, _it):
        found = Superseded(url, after=1, gone=True)
        monkeypatch.setitem(_route._FINDERS, "port_forward", found)
        result = verified("", via="port_forward", checks=["chat"])
    assert (result["verdict"], result["code"], result["restarts"]) == ("inconclusive", "pods_replaced", 1)


@pytest.mark.parametrize(
    ("error", "code"), [(Unreachable("no answer"), "api_unreachable"), (Forbidden("no", status=403), "forbidden"), (DeadlineError("late"), "timeout")]
)
def test_when_nobody_knows_whether_the_pods_are_still_the_newest_it_is_no_pass(monkeypatch: pytest.MonkeyPatch, error: Exception, code: str) -> None:
    with vllm() as (url, _it):
        monkeypatch.setitem(_route._FINDERS, "port_forward", Superseded(url, error=error))
        result = verified("", via="port_forward", checks=["health", "chat"])
    assert (result["verdict"], result["code"]) == ("inconclusive", code)
