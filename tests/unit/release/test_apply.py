"""A plan is applied only while the lock is ours and the release is what the plan was made for."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _bundle
from ansible_collections.inference.vllm.plugins.module_utils.change import _plan
from ansible_collections.inference.vllm.plugins.module_utils.change._where import Where
from ansible_collections.inference.vllm.plugins.module_utils.lock._lock import LeaseLostError
from ansible_collections.inference.vllm.plugins.module_utils.release import _apply as apply

from tests.unit.release._build import Json, secret

GOOD: Json = {"replicas": 1, "release": {"bundle": "good"}}
BAD: Json = {"replicas": 1, "release": {"bundle": "bad"}}
BUNDLE = _bundle.make(_bundle.Chart("vllm-deployment", "0.1.0", "sha256:c", {}), {"image": {"repository": "r", "tag": "t"}})
PLAN = _plan.Plan(
    where=Where("m", "staging", "ns", "m", "m.ns.svc.cluster.local:8000"),
    bundle=BUNDLE,
    revision="r",
    action="upgrade",
    code="changed",
    reason="",
    changes=(),
    replaces_pods=True,
    values=GOOD,
    chart_ref="/chart",
    workload=_plan.Workload(1, 1, 1, {}, {}, {}, 600),
    release_revision=1,
    newest_revision=2,
    forget=(2,),
)


class Cluster:
    """Helm's records as the API server keeps them, and the helm that writes them. ``wrote`` are all writes in order."""

    def __init__(self, *records: tuple[int, str, Json]) -> None:
        self.records = list(records)
        self.wrote: list[str] = []
        self.becomes: Json | None = None

    def items(self, _path: str, _query: t.Any = None, *, limit: int = 500) -> list[Json]:
        return [secret(self._record(*record), record[0]) for record in self.records]

    def delete(self, path: str) -> None:
        self.wrote.append(f"delete {path.rpartition('.')[2]}")
        self.records = [record for record in self.records if not path.endswith(f".v{record[0]}")]

    def upgrade(self, _release: str, _namespace: str, _chart: str, values: Json, *, description: str) -> None:
        self.wrote.append("upgrade")
        self._next(values if self.becomes is None else self.becomes)

    def rollback(self, _release: str, _namespace: str, number: int) -> None:
        self.wrote.append(f"rollback {number}")
        self._next(next(values for kept, _status, values in self.records if kept == number))

    def _next(self, values: Json) -> None:
        done = [(number, "superseded" if status == "deployed" else status, kept) for number, status, kept in self.records]
        self.records = [*done, (max((number for number, _status, _values in done), default=0) + 1, "deployed", values)]

    @staticmethod
    def _record(number: int, status: str, values: Json) -> Json:
        chart = {"metadata": {"name": "vllm-deployment", "version": "0.1.0"}}
        return {"name": "m", "namespace": "ns", "version": number, "info": {"status": status}, "config": values, "chart": chart}


def applied(cluster: Cluster, plan: _plan.Plan = PLAN, fence: t.Callable[[], None] = lambda: None) -> int:
    both = t.cast(t.Any, cluster)
    return apply.apply(both, both, plan, fence=fence, say=lambda _text: None)


def back(cluster: Cluster, number: int, fence: t.Callable[[], None] = lambda: None) -> int:
    both = t.cast(t.Any, cluster)
    target = next(one for one in apply._history.read(both, "ns", "m") if one.number == number)
    cluster.records = [record for record in cluster.records if record[0] != GONE]
    return apply.roll_back(both, both, target, fence=fence, say=lambda _text: None).number


GONE = 99


def lost() -> None:
    raise LeaseLostError("it is another's")


def test_stuck_records_go_before_helm_is_asked_and_the_number_of_what_is_deployed_comes_back() -> None:
    cluster = Cluster((1, "deployed", BAD), (2, "pending-upgrade", GOOD))
    assert applied(cluster) == 2
    assert cluster.wrote == ["delete v2", "upgrade"]


def test_nothing_is_written_once_the_lock_is_lost() -> None:
    cluster = Cluster((1, "deployed", BAD), (2, "pending-upgrade", GOOD))
    with pytest.raises(LeaseLostError):
        applied(cluster, fence=lost)
    with pytest.raises(LeaseLostError):
        back(cluster, 1, fence=lost)
    assert cluster.wrote == []


@pytest.mark.parametrize("records", [[], [(1, "deployed", BAD)], [(1, "superseded", BAD), (2, "failed", BAD), (3, "deployed", BAD)]])
def test_a_release_that_somebody_changed_since_it_was_planned_is_left_alone(records: list[tuple[int, str, Json]]) -> None:
    cluster = Cluster(*records)
    with pytest.raises(apply.ReleaseError) as refused:
        applied(cluster)
    assert (refused.value.code, cluster.wrote) == ("release_changed", [])


def test_what_helm_calls_a_success_is_not_believed_when_something_else_is_deployed() -> None:
    cluster = Cluster((1, "deployed", BAD), (2, "failed", BAD))
    cluster.becomes = {"replicas": 7}
    with pytest.raises(apply.ReleaseError) as refused:
        applied(cluster, dataclasses.replace(PLAN, forget=()))
    assert refused.value.code == "release_changed"


def test_going_back_deploys_what_the_target_was_and_then_forgets_what_is_stuck() -> None:
    cluster = Cluster((1, "superseded", GOOD), (2, "deployed", BAD), (3, "pending-upgrade", BAD))
    back(cluster, 1)
    assert cluster.wrote == ["rollback 1", "delete v3"]
    assert cluster.records[-1][1:] == ("deployed", GOOD)


def test_going_back_to_what_is_live_writes_nothing() -> None:
    cluster = Cluster((1, "deployed", GOOD))
    assert back(cluster, 1) == 1
    assert cluster.wrote == []


def test_going_back_takes_a_newer_revision_of_the_same_content_when_helm_has_dropped_the_first() -> None:
    cluster = Cluster((2, "superseded", GOOD), (3, "deployed", BAD), (GONE, "superseded", GOOD))
    back(cluster, GONE)
    assert cluster.wrote == ["rollback 2"]
