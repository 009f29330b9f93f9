"""What a deploy does to a release, decided from Helm's own record."""

from __future__ import annotations

import base64
import gzip
import json
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.release import _history as history
from ansible_collections.inference.vllm.plugins.module_utils.release import _manifest as manifest
from ansible_collections.inference.vllm.plugins.module_utils.release import _plan as plan

ONE = "---\n# Source: a\napiVersion: v1\nkind: Service\nmetadata: {name: m}\nspec: {a: 1, b: 2}\n"
SAME_AS_ONE = "---\nkind: Service\nmetadata:\n  name: m\napiVersion: v1\nspec:\n  b: 2\n  a: 1\n"
TWO = ONE.replace("a: 1", "a: 3")
VALUES = {"replicas": 1}


def revision(number: int, status: str, text: str = ONE, values: dict[str, t.Any] | None = None) -> history.Revision:
    return history.Revision("m", "ns", number, status, text, VALUES if values is None else values, "c-1", "", "why it failed")


def decide(*revisions: history.Revision, text: str = ONE, values: dict[str, t.Any] | None = None) -> plan.Plan:
    return plan.decide(list(revisions), text, VALUES if values is None else values)


def test_nothing_there_is_an_install() -> None:
    assert decide() == plan.Plan("install", "the release does not exist", None, None)


def test_the_same_meaning_is_no_change_however_it_is_written() -> None:
    assert decide(revision(3, "deployed"), text=SAME_AS_ONE).change == "none"


def test_an_edited_template_is_a_change_although_the_values_are_equal() -> None:
    decided = decide(revision(3, "deployed"), text=TWO)
    assert (decided.change, decided.reason) == ("upgrade", "change Service m")


def test_other_values_are_a_change_although_the_manifest_is_equal() -> None:
    assert decide(revision(3, "deployed"), values={"replicas": 2}).change == "upgrade"


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_an_interrupted_upgrade_is_rolled_back_to_the_deployed_revision_first(status: str) -> None:
    decided = decide(revision(3, "superseded"), revision(4, "deployed"), revision(5, status))
    assert (decided.change, decided.recovery, decided.recovery_revision) == ("upgrade", "rollback", 4)


def test_an_interrupted_install_is_uninstalled_since_there_is_nothing_to_go_back_to() -> None:
    decided = decide(revision(1, "pending-install"))
    assert (decided.change, decided.recovery, decided.recovery_revision) == ("install", "uninstall", None)


def test_a_failed_upgrade_is_tried_again_although_the_old_revision_is_as_planned() -> None:
    decided = decide(revision(1, "deployed"), revision(2, "failed"))
    assert decided.change == "upgrade"
    assert "why it failed" in decided.reason


def test_a_release_without_a_deployed_revision_is_upgraded() -> None:
    assert decide(revision(1, "failed")).change == "upgrade"


def secret(payload: bytes) -> dict[str, t.Any]:
    return {"metadata": {"name": "sh.helm.release.v1.m.v1", "namespace": "ns"}, "data": {"release": base64.b64encode(payload).decode()}}


def test_a_release_secret_is_read_as_helm_wrote_it() -> None:
    record = {
        "name": "m",
        "namespace": "ns",
        "version": 7,
        "info": {"status": "deployed", "last_deployed": "now"},
        "manifest": ONE,
        "config": VALUES,
        "chart": {"metadata": {"name": "c", "version": "1.2.3"}},
    }
    decoded = history.decode(secret(base64.b64encode(gzip.compress(json.dumps(record).encode()))))
    assert (decoded.number, decoded.status, decoded.chart, decoded.values) == (7, "deployed", "c-1.2.3", VALUES)


@pytest.mark.parametrize(
    "payload", [b"", b"!!", *(base64.b64encode(text) for text in (b"no gzip", gzip.compress(b"{}", mtime=0), gzip.compress(b"[]", mtime=0)))]
)
def test_a_broken_release_secret_is_named(payload: bytes) -> None:
    with pytest.raises(history.ReleaseRecordError, match=r"Secret ns/sh\.helm\.release\.v1\.m\.v1 is not a Helm release record"):
        history.decode(secret(payload))


def test_the_difference_shows_only_what_differs() -> None:
    other = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: m}\n"
    shown = manifest.difference(ONE + other, TWO + other)
    assert "ServiceAccount" not in shown["before"] + shown["after"]
    assert "a: 3" in shown["after"]


def test_what_is_no_manifest_is_refused() -> None:
    with pytest.raises(manifest.ManifestError, match="not a stream of Kubernetes objects"):
        manifest.parse("just words: [")
