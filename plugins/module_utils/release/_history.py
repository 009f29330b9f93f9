# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Helm's own record of a release, read from its storage Secrets: one look tells also what ``helm list`` hides."""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import gzip
import json
import typing as t

from .._errors import Error
from ..bundle._bundle import digest
from ..cluster._client import Client, Json, NotFound

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
#: Records on which helm upgrade refuses to work; without them it takes over what is there by the labels that Helm wrote on the objects.
STUCK = (*PENDING, "uninstalling", "unknown")
RECORD = "sh.helm.release.v1.{name}.v{number}"


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
    chart_version: str = ""

    @property
    def content(self) -> str:
        """Digest of the values, which name the bundle too: what is deployed as one, whatever number Helm gives it."""
        return digest(self.values)

    @property
    def chart_name(self) -> str:
        """A version may have hyphens too: ``vllm-deployment-0.2.0-rc.1``."""
        return self.chart.removesuffix(f"-{self.chart_version}") if self.chart_version else self.chart.rpartition("-")[0]

    @property
    def replicas(self) -> t.Any:
        """Pods wanted, as the values say it; None where an autoscaler owns the number."""
        return self.values.get("replicas", 1)

    @property
    def bundle(self) -> str:
        return str(_named(self.values).get("bundle") or "")

    @property
    def revision(self) -> str:
        return str(_named(self.values).get("revision") or "")


def unpack(secret: Json) -> Json:
    """What Helm writes into a Secret of type ``helm.sh/release.v1``: base64 of base64 of gzip of JSON."""
    return t.cast(Json, json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"])))))


def packed(secret: Json, record: Json) -> Json:
    """The Secret with another record."""
    text = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    return {**secret, "data": {**secret["data"], "release": text}}


def decode(secret: Json) -> Revision:
    """Raises ReleaseRecordError."""
    where = f"Secret {secret['metadata'].get('namespace')}/{secret['metadata'].get('name')}"
    try:
        record = unpack(secret)
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
            chart_version=str(metadata["version"]),
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


def serves(history: t.Sequence[Revision], content: str) -> bool:
    """Whether ``content`` is deployed, and nothing was begun since: then there is nothing to go back from."""
    live = deployed(history)
    return live is not None and live is history[-1] and live.content == content


def stuck(history: t.Sequence[Revision]) -> list[Revision]:
    """What an interrupted Helm left unfinished, newest last."""
    return [revision for revision in history if revision.status in STUCK]


def of_content(history: t.Sequence[Revision], content: str) -> Revision | None:
    """The newest revision that was deployed with these values; never by its number, since Helm drops old revisions (10 by default)."""
    return next((revision for revision in reversed(history) if revision.content == content and revision.status in ("deployed", "superseded")), None)


def forget(client: Client, namespace: str, name: str, number: int) -> None:
    """Removes one record; the objects in the cluster stay as they are."""
    with contextlib.suppress(NotFound):
        client.delete(f"/api/v1/namespaces/{namespace}/secrets/{RECORD.format(name=name, number=number)}")


def _named(values: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    part = values.get("release")
    return part if isinstance(part, dict) else {}
