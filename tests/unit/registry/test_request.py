"""What is refused before anything is read."""

from __future__ import annotations

import decimal
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import request
from hypothesis import given
from hypothesis import strategies as st

BASE: dict[str, t.Any] = {"state": "present", "model": "m", "environment": "staging", "revision": "r", "endpoint": "m:8000"}


@pytest.mark.parametrize(
    "endpoint",
    [
        "llama-3-8b-staging.staging.svc.cluster.local:8000",
        "http://llama:8000",
        "https://models.example.org/v1",
        "10.0.0.1:8000",
        "[fd00::1]:8000",
        "http://[fd00::1]:8000/v1",
    ],
)
def test_endpoints_that_routers_can_use_pass(endpoint: str) -> None:
    assert request({**BASE, "endpoint": endpoint}).columns["deployment_endpoint"] == endpoint


@pytest.mark.parametrize(
    "endpoint", ["", "ftp://x", "http://user:pw@x", "x y", "x:0", "x:65536", "http://x/?q=1", "x\n", "javascript:alert(1)", "http://", "[::1", "x" * 3000]
)
def test_endpoints_that_are_none_are_refused_in_words(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"endpoint .* is refused"):
        request({**BASE, "endpoint": endpoint})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model", "a'; DROP TABLE x"),
        ("model", "-x"),
        ("model", "{{ lookup('pipe', 'id') }}"),
        ("revision", "r\0"),
        ("revision", "r" * 129),
        ("bundle", "sha256:short"),
        ("namespace", "Upper"),
        ("release", "x" * 54),
        ("git_commit", "HEAD"),
        ("reason", "two\nlines"),
        ("reason", "x" * 1001),
        ("reason", "\ud800"),
        ("display_name", "a\0b"),
        ("weight", 101),
        ("weight", -1),
        ("input_cost_per_token", -0.1),
        ("output_cost_per_token", float("nan")),
        ("output_cost_per_token", float("inf")),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(option: str, value: t.Any) -> None:
    with pytest.raises(InputError, match=f"{option} .* is refused") as caught:
        request({**BASE, option: value})
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_present_needs_a_revision_and_the_other_states_take_no_columns() -> None:
    with pytest.raises(InputError, match="state present needs revision"):
        request({**BASE, "revision": None})
    with pytest.raises(InputError, match="state disabled takes no bundle, endpoint: those belong to state present"):
        request({**BASE, "state": "disabled", "bundle": "sha256:" + "a" * 64})


def test_prices_stay_exact() -> None:
    columns = request({**BASE, "input_cost_per_token": 0.0000015}).columns
    assert columns["input_cost_per_token"] == decimal.Decimal("0.0000015")


@given(st.text(max_size=1200))
def test_a_reason_is_taken_as_it_is_or_refused(text: str) -> None:
    params = {**BASE, "state": "disabled", "endpoint": None, "reason": text}
    if len(text) <= 1000 and all(character.isprintable() for character in text):
        assert request(params).reason == (text or None), "an empty reason is none"
    else:
        with pytest.raises(InputError, match=r"reason .* is refused"):
            request(params)


SUBJECT = {"model": "m", "environment": "staging", "namespace": "ai", "release": "m-staging", "bundle": "sha256:" + "a" * 64, "template_hash": "1"}
KNOWN = {**BASE, "namespace": "ai", "release": "m-staging", "bundle": "sha256:" + "a" * 64}


@pytest.mark.parametrize("verification", [{"verdict": "pass"}, {"verdict": "pass", "subject": SUBJECT}, {"verdict": "pass", "subject": {"model": "m"}}, None])
def test_evidence_that_passed_and_is_about_the_entry_is_taken(verification: dict[str, t.Any] | None) -> None:
    assert request({**KNOWN, "verification": verification}).said.get("verification") == verification
    assert request({**BASE, "verification": verification}).said.get("verification") == verification, "what the registration does not say is not compared"


@pytest.mark.parametrize(
    "verification",
    [
        {},
        {"verdict": "fail"},
        {"verdict": "inconclusive", "subject": SUBJECT},
        {"verdict": "pass", "subject": "m"},
        *({"verdict": "pass", "subject": {**SUBJECT, name: "another"}} for name in ("model", "environment", "namespace", "release", "bundle")),
    ],
)
def test_evidence_that_failed_or_is_about_something_else_makes_nothing_ready(verification: dict[str, t.Any]) -> None:
    with pytest.raises(InputError) as caught:
        request({**KNOWN, "verification": verification})
    assert caught.value.code == "evidence_mismatch"
    assert request({**KNOWN, "verification": verification, "status": "failed"}).status == "failed", "what failed may be said of a failed one"


def test_evidence_is_recorded_only_where_there_is_some_and_an_entry_to_register() -> None:
    verification = {"verdict": "pass"}
    assert request({**BASE, "record_verification": True, "verification": verification}).record_verification
    assert not request({**BASE, "record_verification": True}).record_verification
    verb = {"state": "disabled", "model": "m", "environment": "staging", "record_verification": True, "verification": verification}
    assert not request(verb).record_verification
