"""Who acts is known without being said, and said otherwise when an option says so."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._actor import actor
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.registry import _module_entry, _module_health, _module_reconcile
from ansible_collections.inference.vllm.plugins.module_utils.registry._options import with_actor

AWX = {"awx_user_name": "ada", "awx_job_id": 17, "awx_project_revision": "0123456789abcdef"}
NAMES = ("actor", "correlation_id", "git_commit")


def options(**given: str) -> dict[str, t.Any]:
    return {**dict.fromkeys(NAMES), **given}


def test_the_awx_job_its_user_and_commit_are_the_defaults() -> None:
    assert with_actor(options(), Context(actor=actor(AWX))) == {"actor": "ada", "correlation_id": "17", "git_commit": "0123456789abcdef"}


def test_options_that_are_given_win_and_empty_ones_do_not() -> None:
    found = with_actor(options(actor="nightly", correlation_id=""), Context(actor=actor(AWX)))
    assert (found["actor"], found["correlation_id"]) == ("nightly", "17")


@pytest.mark.parametrize("revision", ["main", "v1.2", "", "0123"])
def test_a_project_revision_that_is_no_commit_is_left_out(revision: str) -> None:
    assert with_actor(options(), Context(actor=actor({**AWX, "awx_project_revision": revision})))["git_commit"] is None


def test_a_module_gets_only_what_it_has_options_for() -> None:
    assert with_actor({"actor": None}, Context(actor=actor(AWX))) == {"actor": "ada"}


@pytest.mark.parametrize(
    ("module", "work"), [(_module_entry, "request"), (_module_health, "check"), (_module_reconcile, "reconcile")], ids=["entry", "health", "reconcile"]
)
def test_each_module_that_writes_knows_who_acts(module: t.Any, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the module hands on is looked at; nothing is done."""
    seen: list[t.Any] = []

    class Stopped(Exception):
        pass

    def stop(*arguments: t.Any, **_more: t.Any) -> None:
        seen.extend(one for one in arguments if isinstance(one, dict))
        raise Stopped

    monkeypatch.setattr(module, work, stop)
    params = {name: option.get("default") for name, option in module.SPEC.options.items()} | {"login_host": "127.0.0.1"}
    with pytest.raises(Stopped):
        module.run(params, Context(actor=actor(AWX)))
    assert seen[0]["actor"] == "ada"
    assert seen[0]["correlation_id"] == "17"
