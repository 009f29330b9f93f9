# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_lock``: what it takes and what it does."""

from __future__ import annotations

import typing as t

from .._deadline import Deadline
from .._spec import Context, Params, Result, Spec
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from . import _holder
from ._keeper import NAME
from ._lease import DURATION_SECONDS
from ._lock import Lock

SPEC = Spec(
    {
        **kubernetes_options(),
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["acquired", "renewed", "released"], "default": "acquired"},
        "reason": {"type": "str", "default": ""},
        "duration": {"type": "int", "default": DURATION_SECONDS},
        "wait_timeout": {"type": "int", "default": 900},
    }
)


def lock_options() -> dict[str, dict[str, t.Any]]:
    """Options of the modules that renew a lock which their run holds. Fragment: ``_lock``."""
    return {"lock": {"type": "str"}, "lock_duration": {"type": "int", "default": DURATION_SECONDS}}


def run(params: Params, context: Context) -> Result:
    wait = params["wait_timeout"]
    client = Client(connect(with_environment(params)), Deadline(wait + 60))
    lock = of_release(client, params["namespace"], params["name"], context, reason=params["reason"], duration=params["duration"])
    if context.check_mode:
        held = lock.read()
        return {"changed": False, "holder": (held or {}).get("spec", {}).get("holderIdentity") or ""}
    if params["state"] == "acquired":
        patience = Deadline(wait)
        note = lock.acquire(patience, context.say)
        if note:
            context.say(f"the lock on {params['name']} {note}")
        return {"changed": False, "takeover": note, "waited": round(patience.elapsed(), 3)}
    if params["state"] == "renewed":
        lock.renew()
        return {"changed": False}
    return {"changed": False, "was_ours": lock.release()}


def of_release(client: Client, namespace: str, release: str, context: Context, *, reason: str = "", duration: int = DURATION_SECONDS) -> Lock:
    """The lock of a release for the run of ``context``."""
    return Lock(client, namespace, NAME.format(release=release), _holder.me(context, reason), duration=duration)


def renewal(client: Client, params: Params, context: Context) -> t.Callable[[], None]:
    """Renews the lock that the task names in ``lock``; nothing when it names none, or in check mode."""
    if not params.get("lock") or context.check_mode:
        return lambda: None
    return of_release(client, params["namespace"], params["lock"], context, duration=params["lock_duration"]).renew
