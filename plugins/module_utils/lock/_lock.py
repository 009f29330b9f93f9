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


class LeaseLostError(Error):
    """Somebody else took the lock over while we worked."""

    code = "lock_lost"


class LeaseHeldError(Error):
    """Somebody else works on this release, and the time to wait is up."""

    code = "lock_held"


class Lock:
    """The lease ``name`` in ``namespace`` for ``owner``. ``say`` is told each time the reason to wait changes."""

    def __init__(self, client: Client, namespace: str, name: str, owner: Owner, *, duration: int = _lease.DURATION_SECONDS) -> None:
        self._client = client
        self._name = name
        self._namespace = namespace
        self._owner = owner
        self._duration = duration
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

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
            if decision.step != "wait":
                if self._write(lease):
                    return decision.why
                continue
            holder = _lease.held_by(t.cast(Json, lease))
            if wait.expired():
                raise LeaseHeldError(f"{holder} holds the lock on {self._namespace}/{self._name}; wait for its end, or run again")
            if holder != told:
                say(decision.why)
                told = holder
            time.sleep(min(LOOK_SECONDS, max(wait.remaining(), 0.05)))

    def renew(self) -> None:
        """Raises LeaseLostError when the lease is no longer ours."""
        lease = self.read()
        if lease is None or lease["spec"].get("holderIdentity") != self._owner.identity or not self._write(lease):
            holder = _lease.held_by(lease) if lease and lease["spec"].get("holderIdentity") else "nobody"
            raise LeaseLostError(
                f"the lock on {self._namespace}/{self._name} was taken over ({holder} holds it now), because it had not been renewed in time; "
                "nothing more is changed from here: look at its outcome and run again"
            )

    def release(self) -> bool:
        """Gives the lease back; false when it was not ours any more."""
        lease = self.read()
        if lease is None or lease["spec"].get("holderIdentity") != self._owner.identity:
            return False
        try:
            self._client.replace(f"{self._collection}/{self._name}", _lease.released(lease))
        except (Conflict, NotFound):
            return False
        return True

    def read(self) -> Json | None:
        try:
            return self._client.get(f"{self._collection}/{self._name}")
        except NotFound:
            return None

    def _write(self, held: Json | None) -> bool:
        """False when another was quicker."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = _lease.body(self._name, self._namespace, self._owner, now=now, duration=self._duration, held=held)
        try:
            if held is None:
                self._client.create(self._collection, body)
            else:
                self._client.replace(f"{self._collection}/{self._name}", body)
        except (Conflict, NotFound):
            return False
        return True
