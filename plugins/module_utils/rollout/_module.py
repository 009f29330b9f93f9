# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_rollout_wait``: what it takes and what it does."""

from __future__ import annotations

import time

from .._deadline import Deadline
from .._spec import Context, Params, Result, Spec
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from ..lock._module import lock_options, renewal
from ._client import Watch, seen
from ._state import Limits

SPEC = Spec(
    {
        **kubernetes_options(),
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "wait_timeout": {"type": "int", "default": 1800},
        "wait_sleep": {"type": "float", "default": 1.0},
        "progress_seconds": {"type": "int", "default": 15},
        "restarts": {"type": "int", "default": Limits.restarts},
        "unschedulable_seconds": {"type": "int", "default": int(Limits.unschedulable_seconds)},
        **lock_options(),
    }
)


def run(params: Params, context: Context) -> Result:
    if context.check_mode:
        return {"changed": False, "skipped": True, "msg": "Nothing is rolled out in check mode."}
    client = Client(connect(with_environment(params)), Deadline(params["wait_timeout"] + 60))
    watch = Watch(
        client=client,
        namespace=params["namespace"],
        name=params["name"],
        limits=Limits(params["restarts"], params["unschedulable_seconds"]),
        interval=params["wait_sleep"],
        quiet=params["progress_seconds"],
        say=context.say,
        tick=renewal(client, params, context),
    )
    start = time.monotonic()
    verdict = watch.wait(Deadline(params["wait_timeout"]))
    return {"changed": False, "duration": round(time.monotonic() - start, 3), **seen(verdict)}
