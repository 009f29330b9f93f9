"""Routes as HAProxy's map, and as the payloads that replace it."""

from __future__ import annotations

import json

import hypothesis
import hypothesis.strategies as st
import pytest
from vllm_routes._haproxy_map import SLOTS, entries, lines, slot_counts
from vllm_routes._haproxy_socket import PAYLOAD_BYTES, parts

from ._rows import refused, route, table


def test_one_look_up_gives_all_of_a_route() -> None:
    found = entries(table(route(url="https://models.example.org/base/v1")))
    value = "200|11111111-1111-1111-1111-111111111111|rev-a|https|models.example.org|443|/base"
    assert found["llama-3-8b"] == found["llama-3-8b@rev-a"] == value


def test_a_refusal_has_the_seconds_and_the_reason() -> None:
    found = entries(table(refused(reason="see | INC-1\nnow")))
    assert found["llama-3-8b"] == "503|60|The model `llama-3-8b` takes no requests in staging (disabled: see | INC-1 now)."


def test_shared_traffic_is_a_thousand_slots() -> None:
    found = entries(table(route(revision="a", share=0.9), route(revision="b", share=0.1)))
    slots = [found[f"llama-3-8b#{number}"].split("|")[2] for number in range(SLOTS)]
    assert found["llama-3-8b"] == "split"
    assert (slots.count("a"), slots.count("b")) == (900, 100)


def test_what_takes_requests_is_listed() -> None:
    routes = table(route(), refused(model_name="off"), route(model_name="warm", share=0.0))
    assert [model["id"] for model in json.loads(entries(routes)["/models"])["data"]] == ["llama-3-8b"]


@pytest.mark.parametrize("name", ["a b", "a#b", "/models", "", "tab\there"])
def test_a_name_that_no_key_can_have_is_left_out(name: str) -> None:
    assert sorted(entries(table(route(model_name=name), route(model_name="good", revision="r")))) == ["/digest", "/models", "good", "good@r"]


def test_an_endpoint_that_cannot_be_read_is_a_refusal() -> None:
    assert entries(table(route(url="http://host:port")))["llama-3-8b"].startswith("503|60|The endpoint 'http://host:port'")


def test_the_digest_tells_one_map_from_another() -> None:
    one, same, other = entries(table(route())), entries(table(route())), entries(table(route(revision="b")))
    assert one["/digest"] == same["/digest"] != other["/digest"]


@hypothesis.given(st.lists(st.floats(0.000001, 1.0), min_size=1, max_size=20))
def test_slots_add_up_and_stay_within_one_of_the_share(shares: list[float]) -> None:
    counts = slot_counts(shares)
    assert sum(counts) == SLOTS
    assert all(abs(count - share / sum(shares) * SLOTS) <= 1 for count, share in zip(counts, shares, strict=True))


@hypothesis.given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_makes_a_second_line(reason: str, revision: str) -> None:
    found = entries(table(refused(reason=reason), route(model_name="m", revision=revision or "r")))
    text = lines(found)
    assert len(text.split("\n")) == len(found) + 1
    assert len(text.splitlines()) == len(found)


@hypothesis.given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz é", max_size=5000), min_size=1, max_size=40))
def test_payloads_hold_every_entry_once(found: dict[str, str]) -> None:
    payloads = list(parts(found))
    assert "".join(payloads) == lines(found)
    longest = max(len(f"{key} {value}\n".encode()) for key, value in found.items())
    assert all(len(payload.encode()) <= max(PAYLOAD_BYTES, longest) for payload in payloads)
