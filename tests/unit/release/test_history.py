"""Helm's own record of a release: what it means, and that a target is found by what it was and never by a number."""

from __future__ import annotations

import base64
import gzip
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.bundle._bundle import digest
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import NotFound
from ansible_collections.inference.vllm.plugins.module_utils.release import _history as history
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.release._build import Json, named, revision, secret

KEPT = 10
RECORD: Json = {
    "name": "m",
    "namespace": "ns",
    "version": 7,
    "info": {"status": "deployed", "last_deployed": "now", "description": "why"},
    "manifest": "kind: Service",
    "config": {"replicas": 1, "release": {"bundle": "sha256:b", "revision": "r1"}},
    "chart": {"metadata": {"name": "vllm-deployment", "version": "0.2.0-rc.1"}},
}


def after_deploys(failing: int) -> list[history.Revision]:
    """A verified bundle, then deploys that fail and go back to it, as Helm keeps them: ten, the others are gone."""
    kept = [revision(1, "deployed", named("sha256:good"))]
    for attempt in range(failing):
        number = kept[-1].number
        tried, back = revision(number + 1, "superseded", named(f"sha256:bad{attempt}")), revision(number + 2, "deployed", named("sha256:good"))
        kept = [*(one if one.status != "deployed" else revision(one.number, "superseded", one.values) for one in kept), tried, back][-KEPT:]
    return kept


@given(st.integers(0, 40))
def test_after_any_number_of_failing_deploys_the_verified_content_is_found_although_helm_keeps_ten(failing: int) -> None:
    kept = after_deploys(failing)
    found = history.of_content(kept, digest(named("sha256:good")))
    assert found is kept[-1]
    assert len(kept) <= KEPT


def test_twelve_failing_deploys_of_one_bad_bundle_leave_the_good_one_to_go_back_to() -> None:
    kept = after_deploys(12)
    assert kept[0].number > 12
    assert history.of_content(kept, digest(named("sha256:good"))) is history.deployed(kept)


@pytest.mark.parametrize("status", ["failed", *history.STUCK, "uninstalled"])
def test_what_never_was_deployed_is_nothing_to_go_back_to(status: str) -> None:
    assert history.of_content([revision(1, status, named("sha256:b"))], digest(named("sha256:b"))) is None


def test_replicas_and_resources_are_part_of_the_content_beside_the_bundle() -> None:
    small, large = {**named("sha256:b"), "replicas": 1}, {**named("sha256:b"), "replicas": 2}
    kept = [revision(1, "superseded", small), revision(2, "deployed", large)]
    assert history.of_content(kept, digest(small)) is kept[0]
    assert (kept[0].bundle, kept[0].content != kept[1].content) == (kept[1].bundle, True)


def test_the_newest_of_two_deployed_revisions_counts() -> None:
    kept = [revision(1, "deployed"), revision(2, "deployed"), revision(3, "failed")]
    assert (history.deployed(kept), history.latest(kept)) == (kept[1], kept[2])
    assert (history.deployed([]), history.latest([])) == (None, None)


@pytest.mark.parametrize("status", ["deployed", "superseded", "failed", "uninstalled"])
def test_a_revision_that_helm_finished_is_not_stuck(status: str) -> None:
    assert history.stuck([revision(1, status)]) == []


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling", "unknown"])
def test_a_revision_that_helm_left_unfinished_is_stuck(status: str) -> None:
    kept = [revision(1, "deployed"), revision(2, status)]
    assert history.stuck(kept) == [kept[1]]


class Api:
    """Secrets of one namespace; ``deleted`` are the paths that were."""

    def __init__(self, *secrets: Json) -> None:
        self.secrets = list(secrets)
        self.deleted: list[str] = []

    def items(self, _path: str, _query: t.Any = None, *, limit: int = 500) -> list[Json]:
        return self.secrets

    def delete(self, path: str) -> None:
        self.deleted.append(path)
        raise NotFound("gone", status=404)


def test_forgetting_removes_that_record_alone_and_one_that_is_gone_is_forgotten() -> None:
    api = Api()
    history.forget(t.cast(t.Any, api), "ns", "m", 4)
    assert api.deleted == ["/api/v1/namespaces/ns/secrets/sh.helm.release.v1.m.v4"]


def test_revisions_come_oldest_first_although_their_names_sort_otherwise() -> None:
    api = Api(*(secret({**RECORD, "version": number}, number) for number in (10, 2, 1)))
    assert [one.number for one in history.read(t.cast(t.Any, api), "ns", "m")] == [1, 2, 10]


def test_a_release_secret_is_read_as_helm_wrote_it() -> None:
    found = history.decode(secret(RECORD))
    assert (found.number, found.status, found.chart, found.chart_name) == (7, "deployed", "vllm-deployment-0.2.0-rc.1", "vllm-deployment")
    assert (found.bundle, found.revision, found.content) == ("sha256:b", "r1", digest(RECORD["config"]))


@pytest.mark.parametrize("config", [None, {}, {"release": None}, {"release": "text"}])
def test_a_record_without_a_named_release_has_no_bundle_and_no_revision(config: t.Any) -> None:
    found = history.decode(secret({**RECORD, "config": config}))
    assert (found.bundle, found.revision) == ("", "")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"!!",
        *(
            base64.b64encode(text)
            for text in (b"no gzip", b"\x1f\x8b", gzip.compress(b"{}", mtime=0), gzip.compress(b"[]", mtime=0), gzip.compress(b"{", mtime=0)[:-4])
        ),
    ],
)
def test_a_broken_release_secret_is_named(payload: bytes) -> None:
    with pytest.raises(history.ReleaseRecordError, match=r"ns/sh\.helm\.release\.v1\.m\.v1") as broken:
        history.decode(secret(payload))
    assert broken.value.code == "release_record"


@pytest.mark.parametrize("data", [None, {}, {"release": None}, {"release": 7}])
def test_a_secret_without_a_record_is_named(data: t.Any) -> None:
    with pytest.raises(history.ReleaseRecordError):
        history.decode({"metadata": {"name": "s", "namespace": "ns"}, "data": data})


@pytest.mark.parametrize("path", ["chart", "info", "name", "version", "namespace"])
@pytest.mark.parametrize("value", [None, [], "text"])
def test_a_record_of_another_shape_is_named_and_never_a_traceback(path: str, value: t.Any) -> None:
    if path in ("name", "namespace"):
        value = None if value == "text" else value
        broken = {key: inner for key, inner in RECORD.items() if key != path}
    else:
        broken = {**RECORD, path: value}
    with pytest.raises(history.ReleaseRecordError):
        history.decode(secret(broken))
