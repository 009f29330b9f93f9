# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The deployed Helm releases of our chart in some namespaces, from Helm's own records."""

from __future__ import annotations

import typing as t

from ..cluster._client import ApiError, Client, Unreachable
from ..release import _history
from ._differences import Release

DEFAULT_PORT = 8000

Places = dict[tuple[str, str], Release]


def read(client: Client, namespaces: t.Collection[str], environment: str, charts: t.Collection[str]) -> tuple[Places, dict[str, str]]:
    """Releases by namespace and name, and the namespaces that could not be read, with why."""
    found: Places = {}
    unseen: dict[str, str] = {}
    for namespace in sorted(namespaces):
        try:
            records = _records(client, namespace)
        except (ApiError, Unreachable) as error:
            unseen[namespace] = str(error)
            continue
        for record in records:
            release = _release(record)
            if record.chart.rpartition("-")[0] in charts and release.environment == environment:
                known = found.get((namespace, release.name))
                if known is None or known.number < release.number:
                    found[namespace, release.name] = release
    return found, unseen


def _records(client: Client, namespace: str) -> list[_history.Revision]:
    secrets = client.items(f"/api/v1/namespaces/{namespace}/secrets", {"labelSelector": "owner=helm,status=deployed"}, limit=50)
    return [_history.decode(secret) for secret in secrets]


def _release(record: _history.Revision) -> Release:
    """What the values say: our deploy writes the revision and bundle there, a release made by hand may have neither."""
    named = _part(record.values, "release")
    return Release(
        name=record.name,
        namespace=record.namespace,
        model=str(_part(record.values, "model").get("servedName") or record.name),
        environment=str(record.values.get("environment") or "development"),
        revision=str(named.get("revision") or ""),
        bundle=str(named.get("bundle") or ""),
        replicas=_number(record.values.get("replicas"), 1),
        port=_number(_part(record.values, "service").get("port"), DEFAULT_PORT),
        number=record.number,
    )


def _part(values: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    part = values.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: t.Any, default: int) -> int:
    """0 replicas are 0, not the default."""
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default
