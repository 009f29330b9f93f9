# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Label and node selectors, operator by operator as Kubernetes reads them."""

from __future__ import annotations

import collections.abc as c
import re
import typing as t

Json = c.Mapping[str, t.Any]
Labels = c.Mapping[str, str]

_INTEGER = re.compile(r"[+-]?[0-9]+")


def matches(selector: Json | None, labels: Labels) -> bool:
    """A LabelSelector: none selects nothing, an empty one selects everything."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(requirement(entry, labels) for entry in selector.get("matchExpressions") or ())


def empty(selector: Json | None) -> bool:
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


def requirement(entry: Json, labels: Labels) -> bool:
    """One expression; an unknown operator matches nothing, as an expression that does not parse does."""
    key, operator, values = entry.get("key", ""), entry.get("operator"), entry.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    return operator in ("Gt", "Lt") and _compared(operator, labels.get(key), values)


def node_matches(terms: c.Sequence[Json], labels: Labels, name: str) -> bool:
    """Required node affinity: terms are alternatives, an empty term matches nothing."""
    return any(_term(term, labels, name) for term in terms)


def _term(term: Json, labels: Labels, name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    if not all(requirement(entry, labels) for entry in expressions):
        return False
    return all(_field(entry, name) for entry in fields)


def _field(entry: Json, name: str) -> bool:
    values = entry.get("values") or []
    if entry.get("key") != "metadata.name" or len(values) != 1:
        return False
    if entry.get("operator") == "In":
        return bool(values[0] == name)
    return entry.get("operator") == "NotIn" and bool(values[0] != name)


def _compared(operator: str, label: str | None, values: c.Sequence[str]) -> bool:
    if label is None or len(values) != 1 or not _INTEGER.fullmatch(label) or not _INTEGER.fullmatch(str(values[0])):
        return False
    return int(label) > int(values[0]) if operator == "Gt" else int(label) < int(values[0])


def in_words(selector: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
