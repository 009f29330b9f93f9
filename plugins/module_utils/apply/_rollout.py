# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Waits for the pods of the release."""

from __future__ import annotations

from .._deadline import Deadline
from .._errors import Error
from ..release import _live
from ..rollout._client import Watch
from ..rollout._state import Limits
from ._work import Work

#: On top of the Deployment's own deadline, so that it is the cluster that says why.
MARGIN_SECONDS = 60.0


def roll_out(work: Work, deadline: float) -> None:
    """Waits until the newest pods serve alone; ``deadline`` is progressDeadlineSeconds. Raises RolloutError with the cause."""
    params, seconds = work.request.params, deadline + MARGIN_SECONDS
    watch = Watch(
        client=work.client(seconds + 60),
        namespace=work.namespace,
        name=work.name,
        limits=Limits(),
        interval=params["wait_sleep"],
        quiet=params["progress_seconds"],
        say=lambda line: work.say(f"rollout: {line}"),
        tick=work.lost,
    )
    watch.wait(Deadline(seconds))


def live_deadline(work: Work) -> float:
    """Of the Deployment that is live, not of a plan that failed."""
    try:
        live = _live.deployment(work.client(), work.namespace, work.name)
    except Error:
        live = None
    return float(live["spec"].get("progressDeadlineSeconds", 600)) if live else 600.0
