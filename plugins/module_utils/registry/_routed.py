# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The event that says that a router was seen to follow a change. Asking again after a lost answer records once."""

from __future__ import annotations

import json
import time
import typing as t

from .._deadline import Deadline
from ._database import Database
from ._retry import retried
from ._session import opened

_ROUTED = "SELECT event_id, propagation_seconds::float8, recorded FROM model_registry_routed(%s::bigint, %s::float8, %s::text, %s::jsonb)"


class Recorded(t.NamedTuple):
    """``propagation_seconds`` is from the change to the first right answer; not ``new``: it had been recorded before."""

    event_id: int
    propagation_seconds: float
    new: bool


def record(database: Database, event_id: int, router: str, first_right: float, said: t.Mapping[str, t.Any]) -> Recorded:
    """``first_right`` is the ``time.monotonic()`` of the first right answer.

    Both ends are told by the database's clock; ours only says how long ago the answer came.
    """
    deadline = Deadline(database.timeout)

    def attempt(patient: bool) -> Recorded:
        with opened(database, deadline, patient=patient) as session:
            session.begin()
            values = (event_id, time.monotonic() - first_right, router, json.dumps(dict(said)))
            ((recorded, seconds, new),) = session.query(_ROUTED, values, what=f"recording that {router} follows event {event_id}")
            session.commit()
            return Recorded(int(recorded), float(seconds), bool(new))

    return retried(deadline, attempt, attempts=4, longest_pause=0.5)
