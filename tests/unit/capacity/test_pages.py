"""Cutting pods out of a page's bytes gives what parsing the whole page gives."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _pages
from ansible_collections.inference.vllm.plugins.module_utils.capacity._objects import PodFacts
from hypothesis import given
from hypothesis import strategies as st

from .build import Json, pod

# What could fool a cut: the very bytes it looks for, inside of strings, where every quote is escaped.
KEYS = ['"nodeName":"a"', ',"spec":{', ',"status":{', ',"managedFields":[', '"podAntiAffinity"']
NASTY = ['},{"metadata":{"name":"fake"', "]}", "\\", '"', "\u00fc\u2028\U0001f600", *KEYS]


def page(pods: list[Json], *, ascii_only: bool = True) -> bytes:
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=ascii_only).encode()


def full(name: str, where: str, text: str = "x") -> Json:
    made = pod(name, where)
    made["metadata"]["annotations"] = {text: text}
    made["metadata"]["managedFields"] = [{"manager": text, "fieldsV1": {"f:spec": {"f:nodeName": {}}, "f:status": {}}}]
    made["spec"]["containers"][0]["env"] = [{"name": "A", "value": text}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    return made


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "ab", ""]), st.sampled_from(NASTY)), max_size=6),
    st.sets(st.sampled_from(["a", "b"])),
    st.booleans(),
)
def test_the_cut_finds_every_pod_of_the_nodes_and_nothing_is_lost_of_it(pods: list[tuple[str, str]], nodes: set[str], ascii_only: bool) -> None:
    made = [full(f"p{number}", where, text) for number, (where, text) in enumerate(pods)]
    found = _pages.pods(page(made, ascii_only=ascii_only), {name.encode() for name in nodes})
    expected = [PodFacts.parse(each) for each in made if each["spec"]["nodeName"] in nodes]
    assert [parsed for each in found if (parsed := PodFacts.parse(each)).node in nodes] == expected


def test_pods_of_other_nodes_are_not_parsed() -> None:
    made = [full("p0", "a"), full("p1", "b"), full("p2", "a")]
    assert [each["metadata"]["name"] for each in _pages.pods(page(made), {b"b"})] == ["p1"]


def test_nominated_pods_and_those_with_a_marker_are_kept() -> None:
    waiting = full("p0", "")
    del waiting["spec"]["nodeName"]
    waiting["status"]["nominatedNodeName"] = "a"
    shy = full("p1", "z")
    shy["spec"]["affinity"] = {"podAntiAffinity": {}}
    assert [each["metadata"]["name"] for each in _pages.pods(page([waiting, shy, full("p2", "z")]), {b"a"}, [b'"podAntiAffinity"'])] == ["p0", "p1"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: json.dumps(json.loads(raw), indent=2).encode(),
        lambda raw: json.dumps(dict(reversed(json.loads(raw).items())), separators=(",", ":")).encode(),
        lambda raw: raw + b"\n",
        lambda raw: raw.replace(b'"metadata":{"name"', b'"metadata":{"labels":{},"name"'),
    ],
)
def test_a_page_in_another_form_is_parsed_whole(spoil: t.Callable[[bytes], bytes]) -> None:
    raw = spoil(page([full("p0", "a"), full("p1", "b")]))
    assert "p1" in [each["metadata"]["name"] for each in _pages.pods(raw, {b"b"})]


@pytest.mark.parametrize("items", [b"[]", b"null"])
def test_an_empty_page_has_no_pods(items: bytes) -> None:
    assert _pages.pods(b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":' + items + b"}", {b"a"}) == []


def test_a_page_that_is_cut_off_is_no_page() -> None:
    raw = page([full("p0", "a"), full("p1", "b")])
    for end in range(len(raw) - 200, len(raw)):
        with pytest.raises(ValueError, match=r"."):
            _pages.pods(raw[:end], {b"a", b"b"})


def test_a_pod_without_managed_fields_or_with_spec_in_a_label_is_whole_too() -> None:
    plain = pod("p0", "a", labels={"spec": "{"})
    assert PodFacts.parse(_pages.pods(page([plain]), {b"a"})[0]) == PodFacts.parse(plain)


def _with_token(made: Json, suffix: str) -> Json:
    made["spec"]["volumes"] = [{"name": f"kube-api-access-{suffix}", "projected": {}}]
    return made


def test_pods_of_one_workload_are_parsed_once_and_each_keeps_its_own_node_and_status() -> None:
    made = [_with_token(full(f"w-{number}", f"n{number}"), f"abcd{number}") for number in range(3)]
    resized = {"name": "vllm", "resources": {"requests": {"cpu": "9"}}}
    made[2]["status"]["containerStatuses"] = [resized]
    found = [PodFacts.parse(each) for each in _pages.every(page(made))]
    assert found == [PodFacts.parse(each) for each in made]
    assert [each.node for each in found] == ["n0", "n1", "n2"]
    assert found[0].requests is found[1].requests
    assert found[2].requests["cpu"] == 9000


def test_what_differs_in_anything_but_the_node_is_another_pod() -> None:
    one, two, three = full("w-0", "a"), full("w-1", "a"), full("w-2", "a")
    two["spec"]["containers"][0]["resources"]["requests"] = {"nvidia.com/gpu": 7}
    three["spec"]["nodeSelector"] = {"nodeName": "b"}
    made = [one, two, three, full("w-3", "b")]
    assert [PodFacts.parse(each) for each in _pages.every(page(made))] == [PodFacts.parse(each) for each in made]


def test_only_so_many_shapes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pages, "_MOST_SHAPES", 2)
    made = [full(f"w-{number}", "a", str(number)) for number in range(5)]
    assert len(_pages.every(page(made))) == 5
    assert len(_pages._SHAPES) <= 2
