"""Golden prompts: read strictly, matched exactly."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _golden

SCHEMA = {"type": "object", "required": ["city"]}


@pytest.mark.parametrize(
    ("entry", "text", "matches"),
    [
        ({"exact": "Paris"}, "Paris", True),
        ({"exact": "Paris"}, "Paris.", False),
        ({"exact": ""}, "", True),
        ({"prefix": "Par"}, "Paris", True),
        ({"prefix": "Par"}, "In Paris", False),
        ({"regex": r"\bParis\b"}, "It is Paris.", True),
        ({"regex": r"^Paris$"}, "It is Paris.", False),
        ({"json_schema": SCHEMA}, '{"city": "Paris"}', True),
        ({"json_schema": SCHEMA}, '{"town": "Paris"}', False),
        ({"json_schema": SCHEMA}, "Paris", False),
        ({"same": True}, "reference", True),
        ({"same": True}, "something else", False),
    ],
)
def test_an_answer_matches_or_is_told_how_it_differs(entry: dict[str, t.Any], text: str, matches: bool) -> None:
    (golden,) = _golden.parse([{"prompt": "Where is the Louvre?", **entry}], 16)
    problem = _golden.mismatch(golden, text, "reference")
    assert (problem == "") == matches
    assert problem.isprintable()


@pytest.mark.parametrize("entry", [{}, {"same": False}, {"exact": "a", "prefix": "b"}, {"regex": "("}, {"json_schema": {"type": 5}}])
def test_an_entry_that_cannot_be_right_is_refused(entry: dict[str, t.Any]) -> None:
    with pytest.raises(InputError, match="golden"):
        _golden.parse([{"prompt": "a", **entry}], 16)


def test_tool_calls_are_part_of_what_was_said() -> None:
    call = {"function": {"name": "get_weather", "arguments": "{}"}}
    assert _golden.text_of({"message": {"content": None, "tool_calls": [call]}}) == '{"arguments": "{}", "name": "get_weather"}'
    assert _golden.text_of({"text": "plain"}) == "plain"
