# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whole transactions are tried again when another change or a broken connection was in the way."""

from __future__ import annotations

import time
import typing as t

from .._deadline import Deadline, backoff
from ._errors import Lost, WriteConflict

Found = t.TypeVar("Found")

ATTEMPTS = 6


def retried(deadline: Deadline, attempt: t.Callable[[bool], Found], *, attempts: int = ATTEMPTS, longest_pause: float = 1.0) -> Found:
    """``attempt`` is a whole transaction; it is called with whether it must be patient with a server that is restarting, which the first need not."""
    delays = backoff(0.05, longest_pause)
    for number in range(1, attempts):
        try:
            return attempt(number > 1)
        except (WriteConflict, Lost):
            if deadline.remaining() < 1:
                raise
            time.sleep(next(delays))
    return attempt(attempts > 1)
