# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Pods out of the bytes of a list page, without building what nobody reads.

A page of 500 pods is 3 MB of JSON, most of it managedFields and other nodes' pods. The cuts are sound because a quote inside a
JSON string is always escaped: ``},{"metadata":{"name":"`` can only begin an item of the list, and ``"nodeName":"`` can only be a key.
Whatever does not look as expected is parsed whole.
"""

from __future__ import annotations

import bisect
import collections.abc as c
import json
import re
import typing as t

from ._objects import Shape
from ._pod_resources import Json

_ITEM = b'{"metadata":{"name":"'
_START = b'"items":['
_NODE, _KEYS = b'odeName":"', (b'"n', b'"nominatedN')
_DECODER = json.JSONDecoder()
_MANAGED, _SPEC, _STATUS = ',"managedFields":[', ',"spec":{', ',"status":{'
_NODE_NAME, _TOKEN, _TOKENS = '"nodeName":"', '"name":"kube-api-access-', re.compile(r'"name":"kube-api-access-[a-z0-9]{5}(?=")')
#: Specs by their text. Only in its key does a text lack what tells one pod of a workload from another.
_SHAPES: dict[str, Shape] = {}
_MOST_SHAPES = 2000


def pods(page: bytes, nodes: c.Container[bytes], also: c.Sequence[bytes] = ()) -> list[Json]:
    """The pods of ``page`` that are on (or nominated for) ``nodes``, and those in whose bytes one of ``also`` stands."""
    starts = _starts(page)
    if starts is None:
        return whole(page)
    ends = [*(start - 1 for start in starts[1:]), page.rindex(b"]")]
    # A page that was cut off by chance at the end of an inner list looks whole, but its last item is not.
    if starts and _broken(page[starts[-1] : ends[-1]]):
        return whole(page)
    kept = {bisect.bisect_right(starts, at) - 1 for at in _places(page, _NODE) if _names(page, at, nodes)}
    for marker in also:
        kept |= {bisect.bisect_right(starts, at) - 1 for at in _places(page, marker)}
    return [_item(page[starts[index] : ends[index]]) for index in sorted(kept) if index >= 0]


def every(page: bytes) -> list[Json]:
    """All pods of a page, without their managedFields where the page is as expected."""
    starts = _starts(page)
    if starts is None:
        return whole(page)
    ends = [*(start - 1 for start in starts[1:]), page.rindex(b"]")]
    if starts and _broken(page[starts[-1] : ends[-1]]):
        return whole(page)
    return [_item(page[start:end]) for start, end in zip(starts, ends, strict=False)]


def metadata(page: bytes) -> Json:
    """Of the list itself; it stands before the items."""
    begin = page.find(_START)
    found = re.match(rb'\{"kind":"[A-Za-z]+","apiVersion":"v1","metadata":', page[:200])
    if found and begin > 0:
        return t.cast(Json, json.loads(page[found.end() : begin].rstrip(b",")))
    return t.cast(Json, json.loads(page)["metadata"])


def _broken(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return True
    return False


def whole(page: bytes) -> list[Json]:
    return json.loads(page).get("items") or []


def _starts(page: bytes) -> list[int] | None:
    """Where each item begins; None when the page is not the compact JSON that API servers send."""
    begin = page.find(_START)
    if begin < 0 or not page.startswith(b'{"kind":"PodList"') or not page.rstrip().endswith(b"]}"):
        return None
    if page[begin + len(_START) : begin + len(_START) + 1] == b"]":
        return []
    first = begin + len(_START)
    if not page.startswith(_ITEM, first):
        return None
    return [first, *(at + 2 for at in _places(page, b"}," + _ITEM, first))]


def _places(page: bytes, literal: bytes, begin: int = 0) -> c.Iterator[int]:
    """Where ``literal`` stands; several times faster than a regular expression."""
    at = page.find(literal, begin)
    while at >= 0:
        yield at
        at = page.find(literal, at + len(literal))


def _names(page: bytes, at: int, nodes: c.Container[bytes]) -> bool:
    """Whether the key that ends at ``at`` is nodeName or nominatedNodeName, and its value one of ``nodes``."""
    value = at + len(_NODE)
    return page[value : page.find(b'"', value)] in nodes and page.endswith(_KEYS, 0, at)


def _item(raw: bytes) -> Json:
    """Name, labels, owners, spec and status; managedFields is stepped over, and a spec that was seen before is not parsed again."""
    text = raw.decode()
    managed_at = text.find(_MANAGED)
    spec_at = text.find(_SPEC, managed_at + 1)
    status_at = text.find(_STATUS, spec_at)
    if not 0 < spec_at < status_at:
        return t.cast(Json, json.loads(text))
    try:
        metadata = json.loads(text[:managed_at] + "}}" if managed_at > 0 else text[:spec_at] + "}")["metadata"]
        status, _end = _DECODER.raw_decode(text, status_at + len(_STATUS) - 1)
        shape, node = _shape(text[spec_at + len(_SPEC) - 1 : status_at], f"pod {metadata.get('namespace', '')}/{metadata['name']}")
    except ValueError:
        return t.cast(Json, json.loads(text))
    return {"metadata": metadata, "spec": {**shape.spec, **node}, "status": status, "shape": shape}


def _shape(text: str, where: str) -> tuple[Shape, dict[str, str]]:
    """Of a spec; pods of a workload differ in their node and in the name of the volume with their token, which nothing here reads."""
    begin = text.find(_NODE_NAME)
    if begin < 0 or text.find(_NODE_NAME, begin + 1) > 0:
        return Shape.of(json.loads(text), where), {}
    end = text.index('"', begin + len(_NODE_NAME))
    key = text[:begin] + text[end:]
    if _TOKEN in key:
        key = _TOKENS.sub(_TOKEN, key)
    known = _SHAPES.get(key)
    if known is None:
        if len(_SHAPES) >= _MOST_SHAPES:
            _SHAPES.clear()
        known = _SHAPES[key] = Shape.of(json.loads(text), where)
    return known, {"nodeName": text[begin + len(_NODE_NAME) : end]}
