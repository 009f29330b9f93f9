# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One request, one transaction: lock, read, decide, write, commit; and the truth when the answer to COMMIT is lost."""

from __future__ import annotations

import dataclasses
import typing as t
import uuid

from .._deadline import Deadline
from .._errors import DeadlineError, InputError
from ._database import Database
from ._driver import driver as load_driver
from ._errors import Lost, RegistryError, WriteConflict
from ._plan import EntryPlan, plan
from ._request import EntryRequest
from ._retry import retried
from ._row import COUNTED, Row, Write, routable
from ._session import DatabaseSession, opened
from ._sql import Store, plain


@dataclasses.dataclass(frozen=True)
class Changed:
    """``entry`` is the row that was asked for; ``events`` are those of all rows of the run."""

    changed: bool
    plan: EntryPlan
    entry: Row | None
    events: tuple[Row, ...] = ()


class CommitUnknown(Lost):
    """The answer to COMMIT did not come; ``decided`` is what was to happen."""

    def __init__(self, message: str, decided: EntryPlan) -> None:
        super().__init__(message)
        self.decided = decided


def change(database: Database, request: EntryRequest, *, check_mode: bool = False) -> Changed:
    load_driver()  # on a busy machine it takes its time, which is not the database's
    deadline = Deadline(database.timeout)

    def attempt(patient: bool) -> Changed:
        change_id = str(uuid.uuid4())
        try:
            with opened(database, deadline, patient=patient) as session:
                return once(session, request, change_id, check_mode)
        except CommitUnknown as lost:
            settled = _settle(database, deadline, request, change_id, lost)
            if settled is None:
                raise
            return settled

    return retried(deadline, attempt)


def once(session: DatabaseSession, request: EntryRequest, change_id: str, check_mode: bool) -> Changed:
    """One try on an open connection."""
    store = Store(session, request)
    if not request.record_verification and (standing := _standing(store, request)) is not None:
        return Changed(False, standing, standing.subject)
    session.begin()
    store.lock()
    decided = plan(request, store.rows())
    verifies = request.record_verification and not decided.changed
    if check_mode or not (decided.changed or verifies):
        if decided.changed:
            store.check_grants(decided.writes)
        session.rollback()
        return Changed(decided.changed, decided, decided.subject)
    context = _context(request, decided, change_id)
    if verifies:
        store.record_verification(t.cast(Row, decided.subject), context)
    else:
        store.announce(context)
        for write in decided.writes:
            store.write(write)
    events = store.events(change_id)
    try:
        # Half of what is left: the other half is for asking what became of it.
        session.commit(limit=max(0.5, session.deadline.remaining() / 2))
    except Lost as lost:
        raise CommitUnknown(str(lost), decided) from lost
    return _outcome(decided, events)


def _standing(store: Store, request: EntryRequest) -> EntryPlan | None:
    """The plan when all stands already as it should: seen by one read, which waits for nobody and locks nothing.

    None: decide under the lock. A refusal is told only there, because a change that is about to be committed may turn it round.
    """
    try:
        decided = plan(request, store.rows())
    except (InputError, RegistryError):
        return None
    return None if decided.changed else decided


def _outcome(decided: EntryPlan, events: t.Sequence[Row]) -> Changed:
    """What the database wrote, in the words of its own events."""
    if not decided.changed:
        return Changed(False, decided, decided.subject, tuple(events))
    revision = (decided.subject or {}).get("deployment_revision")
    mine = [event for event in events if event["deployment_revision"] == revision]
    return Changed(True, decided, mine[-1]["entry_after"] if mine else decided.subject, tuple(events))


def _context(request: EntryRequest, decided: EntryPlan, change_id: str) -> dict[str, t.Any]:
    replaces = decided.replaces
    context = {**request.said, "change_id": change_id, "reason": request.reason, "revision": (decided.subject or {}).get("deployment_revision")}
    if replaces is not None:
        context["replaces"] = {"revision": replaces["deployment_revision"], "bundle": replaces["deployment_bundle"]}
    return context


def _settle(database: Database, deadline: Deadline, request: EntryRequest, change_id: str, lost: CommitUnknown) -> Changed | None:
    """The lock is free once the lost transaction has ended, one way or the other; then its events are there or not."""
    while True:
        try:
            with opened(database, deadline, patient=True) as session:
                session.begin()
                store = Store(session, request)
                store.lock()
                events = store.events(change_id)
                session.rollback()
            return _outcome(lost.decided, events) if events else None
        except (Lost, WriteConflict):
            continue
        except (DeadlineError, RegistryError) as error:
            raise RegistryError(
                f"{lost}; whether {request.subject()} was changed is not known, because the database could not be asked again ({error}); "
                "run the task once more: it finds out, and completes what is missing",
                code="commit_unknown",
            ) from error


def result(outcome: Changed) -> dict[str, t.Any]:
    entry = outcome.entry
    answer: dict[str, t.Any] = {
        "changed": outcome.changed,
        "entry": plain(entry) if entry else None,
        "routable": routable(entry),
        "version": entry.get("deployment_version", 0) if entry else 0,
        "superseded": [write.before["deployment_revision"] for write in outcome.plan.writes if _steps_down(write) and write.before],
        "diff": {"before": _side(outcome, "before"), "after": _side(outcome, "after")},
    }
    if outcome.events and not outcome.changed:
        answer.update(verified_event_id=outcome.events[-1]["event_id"], committed_at=outcome.events[-1]["occurred_at"])
    elif outcome.events:
        last = next((event for event in outcome.events if entry and event["deployment_id"] == entry["deployment_id"]), outcome.events[-1])
        answer.update(event_id=last["event_id"], change_id=last["change_id"], committed_at=last["occurred_at"])
        answer["event_ids"] = [event["event_id"] for event in outcome.events]
    return answer


def _steps_down(write: Write) -> bool:
    return write.before is not None and write.after is not None and write.after["deployment_status"] == "superseded" != write.before["deployment_status"]


def _side(outcome: Changed, side: t.Literal["before", "after"]) -> dict[str, t.Any]:
    """The rows that change, by revision, with the columns that count."""
    rows: list[Row | None] = [getattr(write, side) for write in outcome.plan.writes]
    return {str(row["deployment_revision"]): plain({column: row.get(column) for column in COUNTED}) for row in rows if row}
