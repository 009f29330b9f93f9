# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads documents (JSON objects) into typed values, and refuses what does not fit by its path. Pure."""

from __future__ import annotations

import typing as t

from .._errors import InputError

Json = dict[str, t.Any]
T = t.TypeVar("T")


class Reader:
    """One JSON object under the name ``what``; each getter raises InputError when the key is missing or of another type."""

    def __init__(self, document: t.Any, what: str) -> None:
        if not isinstance(document, t.Mapping):
            raise InputError(f"{what} must be a dictionary, not {_kind(document)}")
        self._document = document
        self._what = what

    def text(self, name: str) -> str:
        return self._get(name, str)

    def number(self, name: str) -> int:
        value = self._document.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._refused(name, "a whole number", value)
        return value

    def choice(self, name: str, choices: t.Sequence[str]) -> str:
        value = self.text(name)
        if value not in choices:
            raise InputError(f"{self._what}.{name} is {value!r}; it must be one of {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool:
        return self._get(name, bool)

    def map(self, name: str) -> Json:
        return dict(self._get(name, dict))

    def text_map(self, name: str) -> dict[str, str]:
        found = self.map(name)
        for value in found.values():
            if not isinstance(value, str):
                raise self._refused(name, "a dictionary of text", value)
        return found

    def maps(self, name: str) -> list[Json]:
        return self._list(name, dict, "a list of dictionaries")

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._list(name, str, "a list of text"))

    def numbers(self, name: str) -> tuple[int, ...]:
        found = self._list(name, int, "a list of whole numbers")
        if any(isinstance(item, bool) for item in found):
            raise self._refused(name, "a list of whole numbers", True)
        return tuple(found)

    def maybe_number(self, name: str) -> int | None:
        """A number or null; the key must be there all the same."""
        return None if name in self._document and self._document[name] is None else self.number(name)

    def _list(self, name: str, kind: type[T], wanted: str) -> list[T]:
        found = self._get(name, list)
        for item in found:
            if not isinstance(item, kind):
                raise self._refused(name, wanted, item)
        return list(found)

    def _get(self, name: str, kind: type[T]) -> T:
        value = self._document.get(name)
        if not isinstance(value, kind):
            raise self._refused(name, _NAMES.get(kind, kind.__name__), value)
        return value

    def _refused(self, name: str, wanted: str, value: t.Any) -> InputError:
        if value is None and name not in self._document:
            return InputError(f"{self._what} has no {name}; give it as its module returned it")
        return InputError(f"{self._what}.{name} must be {wanted}, not {_kind(value)}")


_NAMES: dict[type, str] = {str: "text", bool: "true or false", dict: "a dictionary", list: "a list"}


def _kind(value: t.Any) -> str:
    return "null" if value is None else type(value).__name__
