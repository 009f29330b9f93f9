# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Takes, renews and gives back the release lock."""

from __future__ import annotations

import datetime
import time
import typing as t

from .._deadline import Deadline
from .._errors import Error
from ..cluster._client import Client, Conflict, Json, NotFound
from . import _holder, _lease
from ._lease import Owner

LOOK_SECONDS = 2.0
#: A renewal from another thread of ours may come between reading and writing.
RENEWALS = 4


class LeaseLostError(Error):
    """Somebody else took the lock over while we worked."""

    code = "lock_lost"


class LeaseHeldError(Error):
    """Somebody else works on this release, and the time to wait is up."""

    code = "lock_held"


class DuplicateReleaseError(Error):
    """Two hosts of one play have the same release."""

    code = "duplicate_release"


class Lock:
    """The lease ``name`` in ``namespace`` for ``owner``. ``say`` is told each time the reason to wait changes."""

    def __init__(self, client: Client, namespace: str, name: str, owner: Owner, *, duration: int = _lease.DURATION_SECONDS) -> None:
        self._client = client
        self._name = name
        self._namespace = namespace
        self._owner = owner
        self._duration = duration
        self._written: Json | None = None
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    @property
    def name(self) -> str:
        """Name of the Lease."""
        return self._name

    @property
    def holder(self) -> str:
        """Our identity on the Lease."""
        return self._owner.identity

    def acquire(self, wait: Deadline, say: t.Callable[[str], None]) -> str:
        """Takes the lease, or raises LeaseHeldError when ``wait`` is over. Returns how it was taken over, if it was."""
        seen, since, told = "", time.monotonic(), ""
        while True:
            lease = self.read()
            version = lease["metadata"]["resourceVersion"] if lease else ""
            if version != seen:
                seen, since = version, time.monotonic()
            gone = _holder.gone(_lease.owner_of(lease)) if lease else False
            decision = _lease.decide(lease, self._owner, unchanged_seconds=time.monotonic() - since, owner_gone=gone)
            if decision.step == "refuse":
                raise DuplicateReleaseError(decision.why)
            if decision.step != "wait":
                if self._write(lease):
                    return decision.why
                continue
            holder = _lease.held_by(t.cast(Json, lease))
            if wait.expired():
                raise LeaseHeldError(f"{self._namespace}/{self._name} is locked by {holder}; wait for that run to finish, or raise vllm_lock_wait_timeout")
            if holder != told:
                say(decision.why)
                told = holder
            time.sleep(min(LOOK_SECONDS, max(wait.remaining(), 0.05)))

    def renew(self, notes: t.Mapping[str, str | None] | None = None) -> None:
        """Raises LeaseLostError when the lease is no longer ours. ``notes`` are annotations to write with it.

        One request as a rule: the lease is written over what we wrote last, and read only when somebody has written it since.
        """
        lease = self._written or self.read()
        for _again in range(RENEWALS):
            if lease is None or lease["spec"].get("holderIdentity") != self._owner.identity:
                break
            if self._write(lease, notes):
                return
            lease = self.read()
        holder = _lease.held_by(lease) if lease and lease["spec"].get("holderIdentity") else "nobody"
        raise LeaseLostError(
            f"the lock on {self._namespace}/{self._name} was taken over (the holder is now {holder}), because it was not renewed in time; "
            "this run changed nothing more: check that run's outcome, then run again"
        )

    def release(self) -> bool:
        """Gives the lease back; false when it was not ours any more."""
        lease, self._written = self._written or self.read(), None
        if lease is None or lease["spec"].get("holderIdentity") != self._owner.identity:
            return False
        try:
            self._client.replace(f"{self._collection}/{self._name}", _lease.released(lease))
        except Conflict:
            return self.release()
        except NotFound:
            return False
        return True

    def verified(self) -> Json:
        """What the lease notes as verified last; of a lock that we hold no request is needed."""
        return _lease.verified(self._written or self.read())

    def read(self) -> Json | None:
        try:
            return self._client.get(f"{self._collection}/{self._name}")
        except NotFound:
            return None

    def _write(self, held: Json | None, notes: t.Mapping[str, str | None] | None = None) -> bool:
        """False when another was quicker."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = _lease.body(self._name, self._namespace, self._owner, now=now, duration=self._duration, held=held, notes=notes)
        try:
            if held is None:
                self._written = self._client.create(self._collection, body)
            else:
                self._written = self._client.replace(f"{self._collection}/{self._name}", body)
        except (Conflict, NotFound):
            return False
        return True
