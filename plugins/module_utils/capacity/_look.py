# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at the cluster, and looking again until there is room."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import time
import typing as t

from .._deadline import Deadline, backoff
from .._errors import DeadlineError, Error
from ..cluster._client import ApiError, Client, Unreachable
from ..cluster._connection import Connection
from . import _around, _reader, _report, _requests
from . import _fleet as _groups
from ._answer import UNKNOWN, YES, answer
from ._request import Request
from ._source import Source
from ._wanted import Unknown

Result = dict[str, t.Any]
Say = t.Callable[[str], None]
#: How often an answer is looked over again when its nodes keep changing.
CONFIRMATIONS = 3
#: Longest pause between two looks, in seconds.
LONGEST_SLEEP = 60.0
#: What the last look gets, in seconds, also when the time for waiting is over before it ends.
LAST_LOOK = 0.9
#: With less than this left, in seconds, nothing more is looked at.
SHORT = 0.05


def _silent(_text: str) -> None:
    """A module has nowhere to print; its action plugin has."""


def look(connection: Connection, request: Request, timeout: float) -> Result:
    client = Client(connection, Deadline(timeout))
    source = Source(client)
    result = _fleet(source, request) if request.template is None else _pod(source, request)
    return {**result, "api_requests": client.requests, "api_bytes": client.bytes}


def _pod(source: Source, request: Request) -> Result:
    pod = _around.pod(source, request)
    snapshot = _reader.read(source, pod, request.replaced)
    found = answer(pod, request.replicas, snapshot, request.how)
    for _attempt in range(CONFIRMATIONS):
        if found.fits != YES or not found.packing.placements:
            break
        # The nodes were read before their pods: one that went in between would look empty.
        now = _reader.confirmed(source, pod, snapshot, found.packing.placements.keys())
        if now is snapshot:
            break
        snapshot = now
        found = answer(pod, request.replicas, snapshot, request.how)
    else:
        found = dataclasses.replace(found, fits=UNKNOWN, unknowns=(*found.unknowns, Unknown("its nodes kept changing while they were read")))
    return _report.report(found)


def _fleet(source: Source, request: Request) -> Result:
    at, version, nodes = _reader.read_nodes(source, request.node_selector)
    names = [node.name for node in nodes if any(amount and _requests.extended(name) for name, amount in node.allocatable.items())]
    pods = _reader.read_pods(source, None, names)
    unknown = [each.text for each in source.blind]
    groups = [] if unknown else _groups.groups(nodes, _reader.by_node(pods, nodes))
    return {
        "fleet": [group.row() for group in groups],
        "message": f"The fleet cannot be told: {'; '.join(unknown)}." if unknown else _groups.message(groups),
        "unknown": unknown,
        "consistent_at": {"time": at, "resource_version": version},
    }


def until(connection: Connection, request: Request, params: t.Mapping[str, t.Any], say: Say = _silent) -> Result:
    """One look, or with ``wait`` as many as it takes."""
    if not params["wait"] or request.template is None:
        return {**look(connection, request, params["timeout"]), "looks": 1, "waited": 0.0}
    return wait(lambda seconds: look(connection, request, seconds), params["timeout"], params["wait_timeout"], params["wait_sleep"], say)


def wait(look_once: t.Callable[[float], Result], timeout: float, wait_timeout: float, first_sleep: float, say: Say = _silent) -> Result:
    """Looks until the answer is yes or the time is used up; then gives the last answer, with ``waited`` and ``looks``."""
    deadline = Deadline(wait_timeout)
    for looks, pause in enumerate(_pauses(first_sleep), start=1):
        result = _attempt(look_once, min(timeout, max(LAST_LOOK, deadline.remaining())), deadline)
        done = result is not None and result["fits"] == YES
        if result is not None and (done or deadline.remaining() <= SHORT):
            return {**result, "looks": looks, "waited": round(deadline.elapsed(), 3)}
        seen = result["message"] if result else "the cluster does not answer"
        say(f"{seen} Looking again in {pause:.0f} s, for another {max(0.0, deadline.remaining()):.0f} s at most.")
        time.sleep(max(0.0, min(pause, deadline.remaining())))
    raise DeadlineError("unreachable: the pauses never end")


def _attempt(look_once: t.Callable[[float], Result], timeout: float, deadline: Deadline) -> Result | None:
    """A cluster that does not answer for a moment is looked at again, unless no time is left for it."""
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
        raise Error(f"wait_sleep is {first:g}; give a number of seconds above 0")
    return backoff(first, max(first, LONGEST_SLEEP))
