# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The release lock: one run at a time on a release, by compare-and-set on a Lease object. Pure.

No clock of two machines is compared: a lease is stale when the one who waits has seen it unchanged for its whole
duration by a monotonic clock of its own.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

Json = dict[str, t.Any]

OWNER = "inference.vllm/owner"
#: What of the release was verified last: content, bundle, revision. It outlives the run, the release and the registry's row.
VERIFIED = "inference.vllm/verified"
LABELS = {"app.kubernetes.io/managed-by": "inference.vllm"}
DURATION_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Owner:
    """Who works on the release. ``host``, ``boot``, ``pid`` and ``start`` tell on the same machine whether that process still lives;
    ``run`` is the process of the whole playbook, ``subject`` the inventory host that it works for."""

    user: str
    host: str
    pid: int
    boot: str = ""
    start: str = ""
    job: str = ""
    reason: str = ""
    run: str = ""
    subject: str = ""

    @property
    def identity(self) -> str:
        """Equal for all steps of one run, different for any two runs."""
        return f"{self.user}@{self.host}/{self.pid}-{self.start or '0'}{f'-job-{self.job}' if self.job else ''}"

    def words(self) -> str:
        who = f"AWX job {self.job} ({self.user})" if self.job else f"{self.user} on {self.host} (process {self.pid})"
        return f"{who}, {self.reason}" if self.reason else who


Step = t.Literal["create", "replace", "renew", "wait", "refuse"]


@dataclasses.dataclass(frozen=True)
class LeaseDecision:
    """What to do about the lease now; ``why`` is for the one who waits or takes over."""

    step: Step
    why: str = ""


def decide(lease: Json | None, me: Owner, *, unchanged_seconds: float, owner_gone: bool) -> LeaseDecision:
    """``unchanged_seconds``: for how long we have seen this very resourceVersion. ``owner_gone``: its process is known dead."""
    if lease is None:
        return LeaseDecision("create")
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    if not holder:
        return LeaseDecision("replace")
    words, owner = held_by(lease), owner_of(lease)
    if owner and owner.run and owner.run == me.run and owner.subject != me.subject and not owner_gone:
        return LeaseDecision("refuse", f"{owner.subject} and {me.subject} of this play have the same release; give one of them another name by vllm_release")
    if holder == me.identity:
        return LeaseDecision("renew")
    if owner_gone:
        return LeaseDecision("replace", f"taken over from {words}: that process has ended")
    duration = spec.get("leaseDurationSeconds") or DURATION_SECONDS
    if unchanged_seconds >= duration:
        return LeaseDecision("replace", f"taken over from {words}: not renewed for {duration} s")
    return LeaseDecision("wait", f"waiting for {words}, which holds the lock; it is taken over after {duration} s without a renewal")


def body(name: str, namespace: str, me: Owner, *, now: str, duration: int, held: Json | None = None, notes: t.Mapping[str, str | None] | None = None) -> Json:
    """The Lease object to write; on top of ``held`` its resourceVersion makes the write a compare-and-set.

    ``notes`` are annotations to set, or to remove where they are None; all others stay.
    """
    spec = dict((held or {}).get("spec") or {})
    mine = spec.get("holderIdentity") == me.identity
    known = owner_of(held) if held and mine else None
    if known and not me.reason:
        me = dataclasses.replace(me, reason=known.reason)  # a step that only renews does not say again what it is all for
    before = ((held or {}).get("metadata") or {}).get("annotations") or {}
    annotations = {**before, OWNER: json.dumps(dataclasses.asdict(me), sort_keys=True), **(notes or {})}
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "labels": LABELS,
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }
    if held:
        metadata["resourceVersion"] = held["metadata"]["resourceVersion"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": me.identity,
            "leaseDurationSeconds": duration,
            "acquireTime": spec.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": (spec.get("leaseTransitions") or 0) + (0 if mine or not held else 1),
        },
    }


def released(held: Json) -> Json:
    """``held`` without a holder: kept as an object, so that the count of transitions stays."""
    spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
    metadata = {name: held["metadata"].get(name) for name in ("name", "namespace", "resourceVersion", "labels")}
    # What was verified outlives the run; who it was does not.
    kept = {name: value for name, value in (held["metadata"].get("annotations") or {}).items() if name == VERIFIED}
    return {**held, "metadata": {**metadata, "annotations": kept}, "spec": spec}


def owner_of(lease: Json) -> Owner | None:
    """Who wrote the lease, when it was one of us."""
    try:
        known = {field.name for field in dataclasses.fields(Owner)}
        content = json.loads((lease["metadata"].get("annotations") or {})[OWNER])
        return Owner(**{name: value for name, value in content.items() if name in known})
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def verified(lease: Json | None) -> Json:
    """What was verified last, as it was noted; empty when nothing was, or the note cannot be read."""
    try:
        found = json.loads(((lease or {})["metadata"].get("annotations") or {})[VERIFIED])
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def held_by(lease: Json) -> str:
    owner = owner_of(lease)
    return owner.words() if owner else str(lease["spec"].get("holderIdentity"))
