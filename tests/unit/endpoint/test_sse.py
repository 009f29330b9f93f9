"""The event parser, however the bytes arrive."""

from __future__ import annotations

import collections

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._errors import ProbeError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._sse import Parser
from hypothesis import example, given
from hypothesis import strategies as st

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


def fed(stream: bytes, cuts: list[int]) -> list[bytes]:
    parser, found, at = Parser(), [], 0
    for cut in sorted(cut % (len(stream) + 1) for cut in cuts):
        found += parser.feed(stream[at:cut])
        at = max(at, cut)
    return found + parser.feed(stream[at:])


@given(st.lists(st.lists(TEXT, min_size=1, max_size=3), max_size=5), ENDS, st.booleans(), st.lists(st.integers(min_value=0), max_size=30))
@example([["a"], ["b"]], b"\r\n", False, [8, 9])
def test_any_cutting_of_a_stream_gives_the_same_events(events: list[list[str]], end: bytes, mark: bool, cuts: list[int]) -> None:
    stream = b"\xef\xbb\xbf" if mark else b""
    for lines in events:
        stream += b": a comment" + end + b"event: message" + end
        stream += b"".join(b"data: " + line.encode() + end for line in lines) + end
    assert fed(stream, cuts) == ["\n".join(lines).encode() for lines in events]


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=30))
@example(b"data: a\r\r\ndata: b\n\n", [9])
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", [1, 2])
def test_any_bytes_whatever_give_the_same_events_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert fed(stream, cuts) == Parser().feed(stream)


def test_an_event_that_the_end_cuts_off_never_comes_out() -> None:
    assert Parser().feed(b'data: {"choices": []}\n') == []


def test_a_space_after_the_colon_is_not_data_but_a_second_one_is() -> None:
    assert Parser().feed(b"data:  a\n\ndata:b\n\ndata\n\n") == [b" a", b"b", b""]


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: " + b"x" * 94, b"data: x\n" * 20])
def test_an_event_without_an_end_is_bounded(piece: bytes) -> None:
    parser = Parser(cap=10_000)
    with pytest.raises(ProbeError, match="larger than 10000 bytes"):
        collections.deque(map(parser.feed, [piece] * 1000))


def test_many_small_events_are_not_an_event_that_is_too_large() -> None:
    parser = Parser(cap=100)
    assert sum(len(parser.feed(b"data: 0123456789\n\n")) for _ in range(1000)) == 1000
