# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Claims: what runs on other releases are about to deploy, so that two runs do not count the same free GPUs.

A run that holds its release lock creates one claim beside it, before it asks for capacity, and deletes it when its pods have
nodes. Whoever asks lists all claims and places those that are ahead of its own first.

A claim is an object of its own (a Lease named after the lock) and is never updated, so its resourceVersion is the place that the API
server gave it in line. Clocks cannot give that place: of two runs that publish and ask at once, one must see the other and be behind it.
A claim counts only as long as the run that made it holds the release lock.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import time
import typing as t

from .._errors import Error, InputError
from ..cluster._client import Client, Conflict, NotFound
from . import _question
from ._pod_resources import Json
from ._question import Question

#: The annotation with the claim's content.
CLAIM = "inference.vllm/claim"
#: Locks and claims carry this label, so that one list finds both.
LABELS = {"app.kubernetes.io/managed-by": "inference.vllm"}
#: No release name has a dot, so no lock of another release has this name.
SUFFIX = ".claim"
VERSION = 1
#: An object's annotations may take 256 KiB in all.
MOST_BYTES = 64 << 10
MOST_REPLICAS = 10_000
_ATTEMPTS = 5

#: (namespace, name)
Key = tuple[str, str]

_POD_FIELDS = (
    "nodeSelector",
    "tolerations",
    "topologySpreadConstraints",
    "priorityClassName",
    "priority",
    "runtimeClassName",
    "overhead",
    "resources",
    "hostNetwork",
    "activeDeadlineSeconds",
)
_CONTAINER_FIELDS = ("name", "resources", "restartPolicy", "ports")
#: What a claim that is too large does without: its pods are then placed more loosely than they will be.
_RULES = ("affinity", "topologySpreadConstraints")


@dataclasses.dataclass(frozen=True)
class Claim:
    """``holder`` is the run that made it, ``place`` its place in line."""

    namespace: str
    release: str
    holder: str
    place: int
    question: Question


def claim_document(question: Question) -> dict[str, t.Any]:
    """What others have to know to place the pods of ``question``; InputError where that is too much to publish."""
    template = question.template or {}
    spec = _scheduling_part(template.get("spec") or {})
    labels = (template.get("metadata") or {}).get("labels") or {}
    document = {
        "version": VERSION,
        "release": question.release,
        "replicas": question.replicas,
        "strategy": question.how.strategy,
        "max_surge": question.how.max_surge,
        "template": {"metadata": {"labels": dict(labels)}, "spec": spec},
    }
    if len(_text(document)) > MOST_BYTES:
        document["template"] = {"metadata": {"labels": {}}, "spec": {name: value for name, value in spec.items() if name not in _RULES}}
    if len(_text(document)) > MOST_BYTES:
        raise InputError(f"the claim of {question.release} has more than {MOST_BYTES} bytes; shorten the pod template's tolerations or nodeSelector")
    return document


def pending_claims(leases: c.Iterable[Json], mine: Key, stale: c.Container[Key] = ()) -> list[Claim]:
    """The claims ahead of that of the release ``mine`` (namespace and name), first come first; all of them when it has none.

    ``stale`` are locks that nobody renews any more.
    """
    found = list(leases)
    holders = {_key(lease): (lease.get("spec") or {}).get("holderIdentity") or "" for lease in found}
    claims = []
    for lease in found:
        claim = _read(lease)
        lock = (claim.namespace, lease["metadata"]["name"].removesuffix(SUFFIX)) if claim else None
        if claim and lock and holders.get(lock) == claim.holder and lock not in stale:
            claims.append(claim)
    claims.sort(key=lambda claim: (claim.place, claim.namespace, claim.release))
    before = []
    for claim in claims:
        if (claim.namespace, claim.release) == mine:
            break
        before.append(claim)
    return before


def publish(client: Client, namespace: str, lock: str, document: Json, *, holder: str) -> None:
    """Claims for the run ``holder``, which holds the Lease ``lock``. The same claim again keeps its place in line."""
    collection = _collection(namespace)
    held = client.get(f"{collection}/{lock}")
    if held["spec"].get("holderIdentity") != holder:
        raise Error(f"the lock {namespace}/{lock} is held by {held['spec'].get('holderIdentity') or 'nobody'}, so nothing is claimed", code="lock_lost")
    body = _lease(namespace, lock, held["metadata"]["uid"], document, holder)
    for _attempt in range(_ATTEMPTS):
        try:
            client.create(collection, body)
        except Conflict:
            if _same(client, f"{collection}/{lock}{SUFFIX}", body):
                return
        else:
            return
    raise Error(f"the claim {namespace}/{lock}{SUFFIX} keeps changing; run again", code="api_conflict")


def withdraw(client: Client, namespace: str, lock: str, *, holder: str) -> bool:
    """Deletes the claim of the run ``holder``; false when there is none of that run."""
    path = f"{_collection(namespace)}/{lock}{SUFFIX}"
    try:
        found = client.get(path)
        if found["spec"].get("holderIdentity") != holder:
            return False
        _delete(client, path, found)
    except (Conflict, NotFound):
        return False
    return True


class LockWatch:
    """Which locks have not been renewed for their whole duration, by our own monotonic clock: no clocks of two machines are compared."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Key, tuple[str, float]] = {}

    def stale(self, leases: c.Iterable[Json]) -> frozenset[Key]:
        now, found = self._clock(), set()
        for lease in leases:
            key, version = _key(lease), lease["metadata"].get("resourceVersion", "")
            known, since = self._seen.get(key, ("", now))
            if version != known:
                self._seen[key] = (version, now)
            elif now - since >= float((lease.get("spec") or {}).get("leaseDurationSeconds") or 0):
                found.add(key)
        return frozenset(found)


def _scheduling_part(spec: Json) -> dict[str, t.Any]:
    """Of a pod's spec: what decides where it may go and what it takes there."""
    part = {name: spec[name] for name in _POD_FIELDS if spec.get(name)}
    affinity = {}
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity"):
        required = ((spec.get("affinity") or {}).get(kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        if required:
            affinity[kind] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    if affinity:
        part["affinity"] = affinity
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            part[kind] = [{name: entry[name] for name in _CONTAINER_FIELDS if entry.get(name)} for entry in spec[kind]]
    return part


def _read(lease: Json) -> Claim | None:
    """None for a lock, and for content that is none of ours: others may write Leases too."""
    metadata = lease["metadata"]
    text = (metadata.get("annotations") or {}).get(CLAIM)
    if not text:
        return None
    try:
        content = json.loads(text)
        replicas = content["replicas"]
        if content["version"] != VERSION or not isinstance(replicas, int) or not 0 <= replicas <= MOST_REPLICAS:
            return None
        question = _question.of_release(
            metadata["namespace"], str(content["release"]), replicas, content["template"], content.get("strategy"), content.get("max_surge")
        )
    except (InputError, AttributeError, KeyError, TypeError, ValueError):
        return None
    return Claim(metadata["namespace"], question.release, (lease.get("spec") or {}).get("holderIdentity") or "", _place(metadata), question)


def _place(metadata: Json) -> int:
    """Versions are decimal numbers that grow with each write (KEP-5504). One that is not stands first, so that it is never missed."""
    version = str(metadata.get("resourceVersion", ""))
    return int(version) if version.isdecimal() else 0


def _lease(namespace: str, lock: str, uid: str, document: Json, holder: str) -> dict[str, t.Any]:
    # With the lock as its owner a claim that was left behind is deleted with it.
    owner = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": lock, "uid": uid}
    metadata = {"name": f"{lock}{SUFFIX}", "namespace": namespace, "labels": LABELS, "annotations": {CLAIM: _text(document)}, "ownerReferences": [owner]}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {"holderIdentity": holder}}


def _same(client: Client, path: str, body: Json) -> bool:
    """Whether the claim that is there is the one to be made; another one, of a run that is over, is deleted."""
    try:
        found = client.get(path)
        annotations = found["metadata"].get("annotations") or {}
        if found["spec"].get("holderIdentity") == body["spec"]["holderIdentity"] and annotations.get(CLAIM) == body["metadata"]["annotations"][CLAIM]:
            return True
        _delete(client, path, found)
    except (Conflict, NotFound):
        pass
    return False


def _delete(client: Client, path: str, found: Json) -> None:
    """Only this very object, not one that another run made in its place meanwhile."""
    client.delete(path, {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": found["metadata"]["uid"]}})


def _collection(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def _key(lease: Json) -> Key:
    return lease["metadata"].get("namespace", ""), lease["metadata"]["name"]


def _text(document: Json) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
