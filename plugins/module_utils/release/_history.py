# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Helm's own record of a release, read from its storage Secrets: one look tells also what ``helm list`` hides."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import gzip
import json
import typing as t

from .._errors import Error
from ..cluster._client import Client, Json

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")


class ReleaseRecordError(Error):
    """A release Secret does not hold what Helm writes."""

    code = "release_record"


@dataclasses.dataclass(frozen=True)
class Revision:
    """One revision of a release. ``status`` is Helm's word: deployed, superseded, failed, pending-upgrade, ..."""

    name: str
    namespace: str
    number: int
    status: str
    manifest: str
    values: dict[str, t.Any]
    chart: str
    updated: str
    description: str


def decode(secret: Json) -> Revision:
    """A Secret of type ``helm.sh/release.v1``: base64 of base64 of gzip of JSON. Raises ReleaseRecordError."""
    where = f"Secret {secret['metadata'].get('namespace')}/{secret['metadata'].get('name')}"
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        record = json.loads(gzip.decompress(packed))
        metadata = record["chart"]["metadata"]
        return Revision(
            name=record["name"],
            namespace=record["namespace"],
            number=int(record["version"]),
            status=record["info"]["status"],
            manifest=record.get("manifest") or "",
            values=record.get("config") or {},
            chart=f"{metadata['name']}-{metadata['version']}",
            updated=str(record["info"].get("last_deployed") or ""),
            description=str(record["info"].get("description") or ""),
        )
    except (KeyError, TypeError, ValueError, OSError, binascii.Error, EOFError) as error:
        raise ReleaseRecordError(f"{where} is not a Helm release record ({type(error).__name__}: {error}); look at it with helm history") from error


def read(client: Client, namespace: str, name: str) -> list[Revision]:
    """All kept revisions, oldest first; empty when the release does not exist."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    secrets = client.items(path, {"labelSelector": f"owner=helm,name={name}"}, limit=50)
    return sorted((decode(secret) for secret in secrets), key=lambda revision: revision.number)


def latest(history: t.Sequence[Revision]) -> Revision | None:
    return history[-1] if history else None


def deployed(history: t.Sequence[Revision]) -> Revision | None:
    """The revision that Helm calls deployed; the newest one, should there be two."""
    return next((revision for revision in reversed(history) if revision.status == "deployed"), None)


def pending(history: t.Sequence[Revision]) -> Revision | None:
    """The newest revision, when an interrupted Helm left it unfinished."""
    newest = latest(history)
    return newest if newest and newest.status in PENDING else None


def kept(history: t.Sequence[Revision], number: int) -> Revision | None:
    """Revision ``number``, or the newest one that a rollback made of it, since Helm drops old revisions (10 by default)."""
    words = f"Rollback to {number}"
    return next((revision for revision in reversed(history) if revision.number == number or revision.description == words), None)
