"""What vllm_registry hands on to the transaction."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.registry import _module_entry
from ansible_collections.inference.vllm.plugins.module_utils.registry._change import Changed
from ansible_collections.inference.vllm.plugins.module_utils.registry._plan import EntryPlan
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import EntryRequest

GIVEN = {"model": "m", "environment": "staging", "revision": "r", "endpoint": "m:8000", "login_host": "127.0.0.1"}


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[EntryRequest]:
    requests: list[EntryRequest] = []

    def change(_database: t.Any, request: EntryRequest, **_more: t.Any) -> Changed:
        requests.append(request)
        return Changed(False, EntryPlan(), None)

    monkeypatch.setattr(_module_entry, "change", change)
    return requests


def run(*, check_mode: bool = False, **more: t.Any) -> None:
    known = {name: option.get("default") for name, option in _module_entry.SPEC.options.items()}
    _module_entry.run({**known, **GIVEN, **more}, Context(check_mode=check_mode))


def test_in_check_mode_there_is_no_verification_yet_and_that_is_no_refusal(handed: list[EntryRequest]) -> None:
    run(check_mode=True, verification={"skipped": True}, record_verification=True)
    assert ("verification" in handed[0].said, handed[0].record_verification) == (False, False)
    with pytest.raises(InputError):
        run(verification={"skipped": True})
    with pytest.raises(InputError):
        run(check_mode=True, verification={"verdict": "fail"})


def test_what_only_checks_may_say_is_no_option(handed: list[EntryRequest]) -> None:
    assert "degraded_by" not in _module_entry.SPEC.options
    run()
    assert handed[0].degraded_by is None
