# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads objects for one look, and keeps in words what it was not allowed to read."""

from __future__ import annotations

import typing as t

from .._errors import InputError
from ..cluster._client import Client, Forbidden, Gone, NotFound, Unreachable
from ._requests import Json
from ._wanted import Unknown

Found = t.TypeVar("Found")


class Source:
    """Small lists and single objects. ``blind`` is what was forbidden, each with the RBAC rule that is missing."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.blind: list[Unknown] = []

    def items(self, path: str, query: t.Mapping[str, str] | None = None) -> list[Json]:
        """A whole list, or nothing where the API does not know the kind or the user may not list it."""
        try:
            found: list[Json] = [*restarted(lambda: self.client.items(path, query))]
        except NotFound:
            return []
        except Forbidden:
            self.forbidden("list", path)
            return []
        for item in found:
            if not (isinstance(item, dict) and isinstance(item.get("metadata"), dict) and isinstance(item.get("spec", {}), dict)):
                raise self._strange(path, "an item is no object")
        return found

    def pages(self, path: str, query: t.Mapping[str, str], limit: int, take: t.Callable[[bytes], Found]) -> t.Iterator[Found]:
        """What ``take`` makes of each page."""
        for page in self.client.pages(path, query, limit=limit):
            yield self.taken(path, page, take)

    def taken(self, path: str, page: bytes, take: t.Callable[[bytes], Found]) -> Found:
        try:
            return take(page)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._strange(path, error) from error

    def _strange(self, path: str, why: object) -> Unreachable:
        return Unreachable(f"what {self.client.connection.host} answered to GET {path} is no list of an API server ({why}); is a proxy between?")

    def one(self, path: str) -> Json | None:
        """None where it does not exist; raises Forbidden."""
        try:
            return self.client.get(path)
        except NotFound:
            return None

    def named(self, path: str) -> Json | None:
        """What the pod names must exist; None where it may not be read."""
        try:
            found = self.one(path)
        except Forbidden:
            self.forbidden("get", path)
            return None
        if found is None:
            kind, name = path.split("/")[-2:]
            raise InputError(f"the pod names {kind} {name}, which the cluster does not have; create it or correct the name")
        return found

    def forbidden(self, verb: str, path: str, *, opens: bool = False) -> None:
        what = "cannot be listed" if verb == "list" else "cannot be read"
        self.blind.append(Unknown(f"{_resource(path)} {what}: {rule(verb, path)}", opens))


def rule(verb: str, path: str) -> str:
    """The RBAC rule to ask for, as it is written in a Role."""
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" else ""
    where = f"a Role in {parts[parts.index('namespaces') + 1]}" if "namespaces" in parts[:-1] else "a ClusterRole"
    return f'ask for {where} with {{apiGroups: ["{group}"], resources: [{_resource(path)}], verbs: [{verb}]}}'


def restarted(read: t.Callable[[], Found]) -> Found:
    """A list that expires half way (410) is begun again once."""
    try:
        return read()
    except Gone:
        return read()


def _resource(path: str) -> str:
    """``/api/v1/namespaces/x/pods`` and ``/api/v1/nodes/gpu-0`` are about pods and nodes."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    return rest[0]
