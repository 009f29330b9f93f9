# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The event that says that a router was seen to follow a change. Asking again after a lost answer records once."""

from __future__ import annotations

import itertools
import json
import time
import typing as t

from .._deadline import Deadline, backoff
from ._errors import Conflict, Lost
from ._session import opened
from ._target import Target

_ROUTED = "SELECT event_id, propagation_seconds::float8, recorded FROM model_registry_routed(%s::bigint, %s::float8, %s::text, %s::jsonb)"
ATTEMPTS = 4


class Recorded(t.NamedTuple):
    """``propagation_seconds`` is from the change to the first right answer; not ``new``: it had been recorded before."""

    event_id: int
    propagation_seconds: float
    new: bool


def record(target: Target, event_id: int, router: str, first_right: float, said: t.Mapping[str, t.Any]) -> Recorded:
    """``first_right`` is the ``time.monotonic()`` of the first right answer.

    Both ends are told by the database's clock; ours only says how long ago the answer came.
    """
    deadline, delays = Deadline(target.timeout), backoff(0.05, 0.5)
    for attempt in itertools.count(1):
        try:
            with opened(target, deadline, patient=attempt > 1) as session:
                session.begin()
                values = (event_id, time.monotonic() - first_right, router, json.dumps(dict(said)))
                ((recorded, seconds, new),) = session.query(_ROUTED, values, what=f"recording that {router} follows event {event_id}")
                session.commit()
                return Recorded(int(recorded), float(seconds), bool(new))
        except (Conflict, Lost):
            if attempt >= ATTEMPTS or deadline.remaining() < 1:
                raise
            time.sleep(next(delays))
    raise AssertionError("unreachable")
