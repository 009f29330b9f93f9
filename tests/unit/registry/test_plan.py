"""Which rows a request changes: examples, and what must hold for any history."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error, InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry._plan import EntryPlan, plan
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import EntryRequest, request
from ansible_collections.inference.vllm.plugins.module_utils.registry._row import COUNTED, WHOLE, Row
from ansible_collections.inference.vllm.plugins.module_utils.registry._status import CHANGES, ROUTABLE, STATUSES, check_change
from hypothesis import given, settings
from hypothesis import strategies as st


def row(revision: str | None, status: str = "ready", weight: int = WHOLE, **more: t.Any) -> Row:
    return {
        **dict.fromkeys(COUNTED),
        "deployment_id": f"id-{revision}",
        "deployment_version": 1,
        "deployment_revision": revision,
        "deployment_status": status,
        "deployment_weight": weight,
        "deployment_endpoint": "m:8000",
        **more,
    }


def asked(state: str = "present", revision: str | None = "b", **more: t.Any) -> EntryRequest:
    options = {"state": state, "model": "m", "environment": "staging", "revision": revision, **more}
    if state == "present":
        options.setdefault("endpoint", "m:8000")
    return t.cast(EntryRequest, request(options))


def ends(decided: EntryPlan) -> dict[str, tuple[str, int]]:
    return {
        str(write.after["deployment_revision"]): (write.after["deployment_status"], write.after["deployment_weight"]) for write in decided.writes if write.after
    }


def applied(decided: EntryPlan, rows: list[Row]) -> list[Row]:
    """Rows after the plan, checking on the way what the unique index would check after each statement."""
    result = list(rows)
    for write in decided.writes:
        if write.before is not None:
            result = [one for one in result if one is not write.before]
        if write.after is not None:
            result.append({**write.after, "deployment_id": write.after.get("deployment_id") or f"id-{write.after['deployment_revision']}"})
            result[-1].setdefault("deployment_version", 0)
            result[-1]["deployment_version"] += 1
        whole = [one for one in result if one["deployment_status"] in ROUTABLE and one["deployment_weight"] == WHOLE]
        assert len(whole) <= 1, decided
    return result


def refused(request: EntryRequest, rows: list[Row]) -> str:
    """The code of the refusal."""
    with pytest.raises(Error) as caught:
        plan(request, rows)
    return str(caught.value.code)


def test_a_first_revision_has_the_whole_traffic() -> None:
    assert ends(plan(asked(), [])) == {"b": ("ready", WHOLE)}


def test_what_is_already_so_needs_no_write() -> None:
    assert not plan(asked(), [row("b")]).changed


def test_the_one_that_steps_down_is_written_first() -> None:
    decided = plan(asked(), [row("a")])
    assert list(ends(decided)) == ["a", "b"]
    assert decided.replaces is not None
    assert decided.replaces["deployment_revision"] == "a"


def test_a_deploying_revision_leaves_the_ready_one_alone() -> None:
    assert ends(plan(asked(status="deploying"), [row("a")])) == {"b": ("deploying", WHOLE)}


def test_a_revision_registered_as_disabled_leaves_the_ready_one_alone() -> None:
    assert ends(plan(asked(status="disabled"), [row("a")])) == {"b": ("disabled", WHOLE)}


def test_a_kept_weight_does_not_disturb_the_others() -> None:
    rows = [row("a", weight=50), row("b", weight=30), row("c", "disabled", weight=20)]
    assert not plan(asked(), rows).changed


def test_three_revisions_keep_their_own_weights() -> None:
    rows = [row("a", weight=60), row("c", weight=40)]
    assert ends(plan(asked(weight=20), rows)) == {"b": ("ready", 20)}


def test_the_last_weight_cannot_be_taken_to_nothing() -> None:
    assert refused(asked(weight=0), [row("a", weight=0), row("b", weight=10), row("c", weight=0)]) == "no_traffic"


def test_enabling_what_is_ambiguous_asks_for_the_revision() -> None:
    assert refused(asked("enabled", None), [row("a", "disabled"), row("c", "disabled")]) == "ambiguous_revision"


def test_disabling_what_is_not_there_is_told() -> None:
    assert refused(asked("disabled", None), []) == "not_registered"
    assert refused(asked("disabled"), [row("a")]) == "not_registered"


def test_a_failed_model_can_be_disabled_before_it_comes_back() -> None:
    decided = plan(asked("disabled", None, reason="no"), [row("a", "superseded"), row("b", "failed")])
    assert ends(decided) == {"b": ("disabled", WHOLE)}


def test_a_reason_stays_with_the_row_only_while_it_explains_the_status() -> None:
    failed = plan(asked(status="failed", reason="crashed"), [row("b")]).subject
    assert failed is not None
    assert failed["deployment_reason"] == "crashed"
    back = plan(asked(reason="fixed"), [{**failed}]).subject
    assert back is not None
    assert back["deployment_reason"] is None


def test_a_platforms_row_without_a_revision_is_taken_over() -> None:
    foreign = row(None, deployment_id=None)
    decided = plan(asked(), [foreign])
    assert [write.before for write in decided.writes] == [foreign]
    assert ends(decided) == {"b": ("ready", WHOLE)}


@pytest.mark.parametrize("old", ["", *STATUSES])
@pytest.mark.parametrize("new", STATUSES)
def test_the_table_of_changes_is_what_is_allowed(old: str, new: str) -> None:
    if new == old or new in CHANGES[old]:
        check_change("it", old, new)
    else:
        with pytest.raises(InputError, match=", ".join(CHANGES[old])) as caught:
            check_change("it", old, new)
        assert caught.value.code == "illegal_status_change"


REVISIONS = st.sampled_from(["a", "b", "c", "d"])
REQUESTS = st.one_of(
    st.builds(asked, revision=REVISIONS, status=st.sampled_from(STATUSES), weight=st.none() | st.integers(0, 100)),
    st.builds(asked, st.just("enabled"), st.none() | REVISIONS, weight=st.none() | st.integers(0, 100)),
    st.builds(asked, st.just("disabled"), st.none() | REVISIONS, reason=st.none() | st.just("why")),
    st.builds(asked, st.just("absent"), st.none() | REVISIONS),
)


@given(st.lists(REQUESTS, max_size=12))
@settings(max_examples=400, deadline=None)
def test_any_history_leaves_one_whole_traffic_or_shares_and_repeats_change_nothing(requests: list[EntryRequest]) -> None:
    rows: list[Row] = []
    for one in requests:
        try:
            decided = plan(one, rows)
        except Error:
            continue
        rows = applied(decided, rows)
        living = [entry for entry in rows if entry["deployment_status"] in ROUTABLE]
        whole = [entry for entry in living if entry["deployment_weight"] == WHOLE]
        if whole:
            assert all(entry["deployment_weight"] == 0 for entry in living if entry is not whole[0])
        try:
            again = plan(one, rows)
        except Error:
            continue
        assert not again.changed, (one, again)


@given(st.lists(REQUESTS, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_plan_never_touches_the_rows_it_was_given(requests: list[EntryRequest]) -> None:
    rows: list[Row] = []
    for one in requests:
        copies = [dict(entry) for entry in rows]
        try:
            decided = plan(one, rows)
        except Error:
            continue
        assert rows == copies
        rows = applied(decided, rows)


def test_a_weight_without_a_revision_is_refused_where_two_could_be_meant() -> None:
    rows: list[Row] = []
    for one in (asked(revision="b"), asked(revision="a", status="disabled")):
        rows = applied(plan(one, rows), rows)
    assert refused(asked("enabled", None, weight=0), rows) == "ambiguous_revision"


DEGRADED = {"deployment_reason": "slow since noon", "deployment_degraded_by": None}


@pytest.mark.parametrize("by", ["health_check", "reconcile", None])
def test_who_degraded_an_entry_is_kept_while_it_is_degraded(by: str | None) -> None:
    degraded = plan(asked(status="degraded", reason="slow", degraded_by=by), [row("b")]).subject
    assert degraded is not None
    assert (degraded["deployment_degraded_by"], degraded["deployment_reason"]) == (by, "slow")
    for back in (asked(), asked("disabled"), asked(status="failed", degraded_by="reconcile")):
        after = plan(back, [{**degraded, "deployment_id": "id-b", "deployment_version": 2}]).subject
        assert after is not None
        assert after["deployment_degraded_by"] is None


def test_a_check_leaves_what_a_person_degraded_to_the_person() -> None:
    found = plan(asked(status="degraded", reason="reconcile: fixed", degraded_by="reconcile", endpoint="m:9000"), [row("b", "degraded", **DEGRADED)]).subject
    assert found is not None
    assert (found["deployment_endpoint"], found["deployment_reason"], found["deployment_degraded_by"]) == ("m:9000", "slow since noon", None)


def test_a_person_takes_over_what_a_check_degraded() -> None:
    mine = row("b", "degraded", deployment_reason="health check: x", deployment_degraded_by="health_check")
    decided = plan(asked(status="degraded"), [mine])
    assert decided.changed
    assert decided.subject is not None
    assert decided.subject["deployment_degraded_by"] is None


def test_what_a_model_does_counts_as_a_change() -> None:
    assert not plan(asked(kind="embedding"), [row("b", deployment_kind="embedding")]).changed
    assert plan(asked(kind="embedding"), [row("b")]).changed
    assert not plan(asked(), [row("b", deployment_kind="embedding")]).changed, "an option that is not given leaves it"
