"""How a run over many models ended, in one table."""

from __future__ import annotations

import typing as t

from ansible_collections.inference.vllm.plugins.filter.outcome_table import FilterModule
from ansible_collections.inference.vllm.plugins.module_utils.apply._table import COLUMNS, table
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, t.Any]


def result(name: str, code: str, **more: t.Any) -> Json:
    return {"code": code, "msg": more.pop("msg", "said"), "outcome": {"model": "m", "result": name, "revision": "r1", "seconds": {"a": 1.0, "b": 0.25}, **more}}


def test_each_model_has_one_line_and_those_that_failed_are_last() -> None:
    lines = table({"a": result("failed", "image_pull", next_step="correct it"), "c": result("changed", "deployed"), "b": result("unchanged", "as_planned")})
    assert lines[0].split() == " ".join(COLUMNS).split()
    assert [line.split()[3] for line in lines[1:4]] == ["as_planned", "deployed", "image_pull"]
    assert "1.2" in lines[1]
    assert lines[3].endswith("correct it")


def test_a_model_that_was_refused_has_no_outcome_and_is_in_the_table_all_the_same() -> None:
    lines = table({"a": {"failed": True, "code": "no_source", "msg": "the model has no source"}})
    assert lines[1].split()[:4] == ["a", "failed", "-", "no_source"]


def test_a_task_that_ended_without_a_code_is_a_failure_when_ansible_says_so() -> None:
    lines = table({"a": {"failed": True, "msg": "MODULE FAILURE"}, "b": {"skipped": True}, "c": {"failed": False, "exception": "Traceback"}})
    assert [line.split()[:2] for line in lines[1:4]] == [["b", "skipped"], ["a", "failed"], ["c", "failed"]]


results = st.builds(result, st.sampled_from(["changed", "failed", "rolled_back"]), st.text(max_size=8), msg=st.text())


@given(st.dictionaries(st.text(max_size=8), results, max_size=4))
def test_nothing_that_a_server_said_moves_the_cursor(outcomes: dict[str, Json]) -> None:
    for line in table(outcomes):
        assert line.isprintable()


def test_the_filter_is_the_table() -> None:
    assert FilterModule().filters() == {"outcome_table": table}
