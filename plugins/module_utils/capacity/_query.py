# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Answers one question from the cluster as it is now, or asks again until the pods fit."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import time
import typing as t

from .._deadline import Deadline, backoff
from .._errors import DeadlineError, InputError
from .._spec import silent
from ..cluster._client import ApiError, Client, Unreachable
from ..cluster._connection import Connection
from . import _context, _fleet, _pod_resources, _reader, _report
from ._answer import answer
from ._claims import LockWatch
from ._context import Source
from ._question import Question
from ._wanted import Unknown

Result = dict[str, t.Any]
Say = t.Callable[[str], None]
#: How often an answer is confirmed again when its nodes keep changing.
CONFIRMATIONS = 3
#: Longest pause between two looks, in seconds.
LONGEST_SLEEP = 60.0
#: What the last look gets, in seconds, also when the time for waiting is over before it ends.
LAST_LOOK = 0.9
#: With less than this left, in seconds, the cluster is not asked again.
SHORT = 0.05


def look(connection: Connection, question: Question, timeout: float, watch: LockWatch | None = None) -> Result:
    """One answer, within ``timeout`` seconds. ``watch`` remembers the locks of earlier looks."""
    client = Client(connection, Deadline(timeout))
    source = Source(client)
    result = _describe_fleet(source, question) if question.template is None else _answer_for_pod(source, question, watch or LockWatch())
    return {**result, "api_requests": client.requests, "api_bytes": client.bytes}


def _answer_for_pod(source: Source, question: Question, watch: LockWatch) -> Result:
    pod = _context.pod(source, question)
    reservations, notes = _context.reservations(source, question, watch)
    wanted = [pod, *(each.pod for each in reservations)]
    snapshot = _reader.read(source, wanted, question.replaced)
    found = answer(pod, question.replicas, snapshot, question.how, reservations)
    for _attempt in range(CONFIRMATIONS):
        if found.verdict != "pass" or not found.packing.placements:
            break
        # The nodes were read before their pods: one that was deleted in between would look empty.
        now = _reader.confirmed(source, wanted, snapshot, found.packing.placements.keys())
        if now is snapshot:
            break
        snapshot = now
        found = answer(pod, question.replicas, snapshot, question.how, reservations)
    else:
        changing = Unknown("its nodes kept changing while they were read")
        found = dataclasses.replace(found, verdict="inconclusive", unknowns=(*found.unknowns, changing))
    return {**_report.report(found), "notes": notes}


def _describe_fleet(source: Source, question: Question) -> Result:
    at, version, nodes = _reader.read_nodes(source, question.node_selector)
    names = [node.name for node in nodes if any(amount and _pod_resources.extended(name) for name, amount in node.allocatable.items())]
    pods = _reader.read_pods(source, (), names)
    unknown = [each.text for each in source.blind]
    groups = [] if unknown else _fleet.groups(nodes, _reader.by_node(pods, nodes))
    return {
        "fleet": [group.row() for group in groups],
        "code": "capacity_unknown" if unknown else "",
        "message": f"Cannot describe the fleet: {'; '.join(unknown)}." if unknown else _fleet.message(groups),
        "unknown": unknown,
        "consistent_at": {"time": at, "resource_version": version},
    }


def until(connection: Connection, question: Question, params: t.Mapping[str, t.Any], say: Say = silent) -> Result:
    """One look, or with ``wait`` as many as it takes."""
    if not params["wait"] or question.template is None:
        return {**look(connection, question, params["timeout"]), "looks": 1, "waited": 0.0}
    watch = LockWatch()
    return wait(lambda seconds: look(connection, question, seconds, watch), params["timeout"], params["wait_timeout"], params["wait_sleep"], say)


def wait(look_once: t.Callable[[float], Result], timeout: float, wait_timeout: float, first_sleep: float, say: Say = silent) -> Result:
    """Looks until the pods fit or the time is used up; then gives the last answer, with ``waited`` and ``looks``."""
    pauses = _pauses(first_sleep)
    deadline = Deadline(wait_timeout)
    looks = 0
    while True:
        looks += 1
        result = _attempt(look_once, min(timeout, max(LAST_LOOK, deadline.remaining())), deadline)
        done = result is not None and result["verdict"] == "pass"
        if result is not None and (done or deadline.remaining() <= SHORT):
            return {**result, "looks": looks, "waited": round(deadline.elapsed(), 3)}
        pause = next(pauses)
        seen = result["message"] if result else "The API server does not answer."
        say(f"{seen} Checking again in {pause:.0f} s, for at most another {max(0.0, deadline.remaining()):.0f} s.")
        time.sleep(max(0.0, min(pause, deadline.remaining())))


def _attempt(look_once: t.Callable[[float], Result], timeout: float, deadline: Deadline) -> Result | None:
    """A cluster that does not answer for a moment is asked again, unless no time is left for it."""
    try:
        return look_once(timeout)
    except (Unreachable, DeadlineError):
        if deadline.remaining() <= SHORT:
            raise
    except ApiError as error:
        if deadline.remaining() <= SHORT or error.status < 429:
            raise
    return None


def _pauses(first: float) -> c.Iterator[float]:
    if first <= 0:
        raise InputError(f"wait_sleep is {first:g}; give a number of seconds above 0")
    return backoff(first, max(first, LONGEST_SLEEP))
