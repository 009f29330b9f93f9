# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One request, one transaction: lock, read, decide, write, commit; and the truth when the answer to COMMIT is lost."""

from __future__ import annotations

import dataclasses
import itertools
import time
import typing as t
import uuid

from .._deadline import Deadline, backoff
from .._errors import DeadlineError, InputError
from ._driver import driver as load_driver
from ._errors import Conflict, Lost, RegistryError
from ._plan import Plan, plan
from ._request import Request
from ._rows import Row
from ._session import Session, opened
from ._store import Store
from ._target import Target

#: Whole transactions are tried again this often when another change or a broken connection was in the way.
ATTEMPTS = 6


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``entry`` is the row that was asked for; ``events`` are those of all rows of the run."""

    changed: bool
    plan: Plan
    entry: Row | None
    events: tuple[Row, ...] = ()


class CommitUnknown(Lost):
    """The answer to COMMIT did not come; ``decided`` is what was to happen."""

    def __init__(self, message: str, decided: Plan) -> None:
        super().__init__(message)
        self.decided = decided


def change(target: Target, request: Request, *, check_mode: bool = False) -> Outcome:
    load_driver()  # on a busy machine it takes its time, which is not the database's
    deadline = Deadline(target.timeout)
    delays = backoff(0.05, 1.0)
    for attempt in itertools.count(1):
        change_id = str(uuid.uuid4())
        try:
            with opened(target, deadline, patient=attempt > 1) as session:
                return once(session, request, change_id, check_mode)
        except CommitUnknown as lost:
            settled = _settle(target, deadline, request, change_id, lost)
            if settled is not None:
                return settled
        except (Conflict, Lost):
            if attempt >= ATTEMPTS or deadline.remaining() < 1:
                raise
            time.sleep(next(delays))
    raise AssertionError("unreachable")


def once(session: Session, request: Request, change_id: str, check_mode: bool) -> Outcome:
    """One try on an open connection."""
    store = Store(session, request)
    if (standing := _standing(store, request)) is not None:
        return Outcome(False, standing, standing.subject)
    session.begin()
    store.lock()
    decided = plan(request, store.rows())
    if check_mode or not decided.changed:
        if decided.changed:
            store.check_grants(decided.writes)
        session.rollback()
        return Outcome(decided.changed, decided, decided.subject)
    store.announce(_context(request, decided, change_id))
    for write in decided.writes:
        store.write(write)
    events = store.events(change_id)
    try:
        # Half of what is left: the other half is for asking what became of it.
        session.commit(limit=max(0.5, session.deadline.remaining() / 2))
    except Lost as lost:
        raise CommitUnknown(str(lost), decided) from lost
    return _outcome(decided, events)


def _standing(store: Store, request: Request) -> Plan | None:
    """The plan when all stands already as it should: seen by one read, which waits for nobody and locks nothing.

    None: decide under the lock. A refusal is told only there, because a change that is about to be committed may turn it round.
    """
    try:
        decided = plan(request, store.rows())
    except (InputError, RegistryError):
        return None
    return None if decided.changed else decided


def _outcome(decided: Plan, events: t.Sequence[Row]) -> Outcome:
    """What the database wrote, in the words of its own events."""
    revision = (decided.subject or {}).get("deployment_revision")
    mine = [event for event in events if event["deployment_revision"] == revision]
    return Outcome(True, decided, mine[-1]["entry_after"] if mine else decided.subject, tuple(events))


def _context(request: Request, decided: Plan, change_id: str) -> dict[str, t.Any]:
    replaces = decided.replaces
    context = {**request.said, "change_id": change_id, "reason": request.reason, "revision": (decided.subject or {}).get("deployment_revision")}
    if replaces is not None:
        context["replaces"] = {"revision": replaces["deployment_revision"], "bundle": replaces["deployment_bundle"]}
    return context


def _settle(target: Target, deadline: Deadline, request: Request, change_id: str, lost: CommitUnknown) -> Outcome | None:
    """The lock is free once the lost transaction has ended, one way or the other; then its events are there or not."""
    while True:
        try:
            with opened(target, deadline, patient=True) as session:
                session.begin()
                store = Store(session, request)
                store.lock()
                events = store.events(change_id)
                session.rollback()
            return _outcome(lost.decided, events) if events else None
        except (Lost, Conflict):
            continue
        except (DeadlineError, RegistryError) as error:
            raise RegistryError(
                f"{lost}; whether {request.subject()} was changed is not known, because the database could not be asked again ({error}); "
                "run the task once more: it finds out, and completes what is missing"
            ) from error
