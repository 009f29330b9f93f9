# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a reconciliation compares, what it finds, and the request that heals it. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._health import RECONCILED, Probed
from ._rows import Row, kept, routable


@dataclasses.dataclass(frozen=True)
class Release:
    """A deployed Helm release of our chart, as its record and values say it."""

    name: str
    namespace: str
    model: str
    environment: str
    revision: str
    bundle: str
    replicas: int
    port: int
    number: int

    @property
    def endpoint(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local:{self.port}"


@dataclasses.dataclass(frozen=True)
class Difference:
    """``request`` holds the options of vllm_registry that heal it; without any it is for a person, and ``message`` says what to do."""

    kind: str
    model: str
    environment: str
    revision: str
    message: str
    release: str = ""
    namespace: str = ""
    certain: bool = True
    request: dict[str, t.Any] | None = None


@dataclasses.dataclass(frozen=True)
class World:
    """``rows`` are all of one environment, the platform's own among them. Probes are by the entry's id, and by namespace and name of the release.
    ``unseen`` are namespaces whose releases could not be read, with why; ``endpoints`` are meant to be others than the release's."""

    environment: str
    rows: t.Sequence[Row]
    releases: t.Mapping[tuple[str, str], Release]
    row_probes: t.Mapping[str, Probed]
    release_probes: t.Mapping[tuple[str, str], Probed]
    unseen: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    endpoints: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    compares_releases: bool = True
    force: bool = False

    def probed(self, row: Row) -> Probed:
        return self.row_probes.get(str(row["deployment_id"]), Probed("inconclusive", "it was not probed"))

    def of_release(self, release: Release) -> Probed:
        return self.release_probes.get((release.namespace, release.name), Probed("inconclusive", "it has no replicas"))


def pending(release: Release) -> dict[str, t.Any]:
    """Visible and not routable: only a verification makes it that."""
    given = {"namespace": release.namespace, "bundle": release.bundle, "release": release.name, "release_revision": release.number}
    return {
        **{name: value for name, value in given.items() if value},
        "state": "present",
        "model": release.model,
        "environment": release.environment,
        "revision": release.revision,
        "status": "pending",
        "endpoint": release.endpoint,
        "reason": f"{RECONCILED}a running release without a row",
        "expected_version": 0,
    }


def asked(row: Row, wanted: str, reason: str = "") -> dict[str, t.Any]:
    """Only while nobody else has changed the row since it was read."""
    text = "".join(character if character.isprintable() else " " for character in f"{RECONCILED}{reason or 'healed'}")[:500]
    options = {
        "state": "present",
        "model": row["model_name"],
        "environment": row["deployment_environment"],
        "organization": row["organization_id"],
        "revision": row["deployment_revision"],
        "status": wanted,
        "reason": text,
        "expected_version": row["deployment_version"],
    }
    return {name: value for name, value in options.items() if value is not None}


def difference(kind: str, row: Row, message: str, request: dict[str, t.Any] | None = None) -> Difference:
    namespace, release = place(row)
    return Difference(kind, row["model_name"], row["deployment_environment"], row["deployment_revision"] or "", message, release, namespace, request=request)


def unknown(kind: str, row: Row, message: str) -> Difference:
    return dataclasses.replace(difference(kind, row, message), certain=False)


def others_routable(world: World, row: Row) -> bool:
    return any(one is not row and routable(one) and kept(one) and scope(one) == scope(row) for one in world.rows)


def place(row: Row) -> tuple[str, str]:
    return row["deployment_namespace"] or "", row["deployment_release"] or ""


def scope(row: Row) -> tuple[t.Any, ...]:
    return row["model_name"], row["deployment_environment"], row["organization_id"]


def plain(endpoint: str | None) -> str:
    """Spellings of one address: with or without scheme, /v1, and slash at the end."""
    return re.sub(r"(/v1)?/*$", "", (endpoint or "").removeprefix("http://")).lower()
