# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens, bodies and their errors."""

from __future__ import annotations

import contextlib

import hypothesis
import hypothesis.strategies as st
import pytest

from lab.engine._errors import ApiError
from lab.engine._generate import _apply_stop
from lab.engine._schema import check
from lab.engine._sequence import Sequence
from lab.engine._tokens import MAX_CHARS, Tokenizer, words


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_decoding_gives_the_text_back(text: str) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_no_token_is_longer_than_the_bound_that_refuses_long_prompts(text: str) -> None:
    tokenizer = Tokenizer()
    assert all(len(tokenizer.decode([number])) <= MAX_CHARS for number in tokenizer.encode(text))
    assert tokenizer.count(text) == len(tokenizer.encode(text))


def test_the_same_seed_gives_the_same_words() -> None:
    assert words(7, 20) == words(7, 20) != words(8, 20)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_as_many_words_come_as_were_asked_for(count: int) -> None:
    assert len(words(1, count)) == count


def test_a_stop_ends_the_text_before_it_and_its_tokens_count() -> None:
    sequence = Sequence("r", 1, 10, ["one", " two", " three", " four"], "length")
    _apply_stop(sequence, ("xyz", "o th"))
    assert (sequence.words, sequence.finish, sequence.stop_reason) == (["one", " tw", ""], "stop", "o th")


def test_the_earliest_stop_wins() -> None:
    sequence = Sequence("r", 1, 10, ["one", " two", " three"], "length")
    _apply_stop(sequence, ("three", "two"))
    assert sequence.stop_reason == "two"


def test_without_a_stop_nothing_changes() -> None:
    sequence = Sequence("r", 1, 10, ["one"], "length")
    _apply_stop(sequence, ("zzz",))
    assert (sequence.words, sequence.finish) == (["one"], "length")


def test_every_problem_of_a_body_is_told() -> None:
    with pytest.raises(ApiError) as caught:
        check({"a": "x", "b": []}, {"a": "int", "b": "str"}, required=("c",))
    assert caught.value.message.startswith("3 validation errors:")
    assert caught.value.param == "body.c"


def test_more_than_ten_problems_are_counted() -> None:
    with pytest.raises(ApiError, match="and 2 more errors"):
        check({}, {}, required=tuple(map(str, range(12))))


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


@hypothesis.settings(deadline=None)
@hypothesis.given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), ANYTHING))
def test_any_body_is_read_or_refused_with_400(body: dict[str, object]) -> None:
    kinds: dict[str, type] = {"a": int, "b": float, "c": bool, "d": str, "e": list}
    with contextlib.suppress(ApiError):
        read = check(body, {name: kind.__name__ for name, kind in kinds.items()})
        assert all(isinstance(value, kinds[name]) for name, value in read.items())
        assert read.keys() == {name for name, value in body.items() if value is not None}
