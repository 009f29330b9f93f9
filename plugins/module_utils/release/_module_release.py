# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_release``: what it takes and what it does."""

from __future__ import annotations

import time
import typing as t

from .._deadline import Deadline
from .._errors import Error
from .._spec import Context, Params, Result, Spec
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from ..lock._module import lock_options, renewal
from . import _history
from ._helm import Helm

SPEC = Spec(
    {
        **kubernetes_options(),
        "name": {"type": "str", "required": True, "aliases": ["release_name"]},
        "namespace": {"type": "str", "required": True, "aliases": ["release_namespace"]},
        "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
        "plan": {"type": "dict"},
        "release_revision": {"type": "int"},
        "binary_path": {"type": "path"},
        "timeout": {"type": "int", "default": 300},
        **lock_options(),
    },
    required_if=(("state", "present", ["plan"]), ("state", "rolled_back", ["release_revision"])),
)


class ReleaseError(Error):
    """The release is not what the plan was made for, or not what it should have become."""

    code = "release_changed"


class Work(t.NamedTuple):
    """A release and how it is reached."""

    name: str
    namespace: str
    client: Client
    helm: Helm
    renew: t.Callable[[], None]


def run(params: Params, context: Context) -> Result:
    start = time.monotonic()
    connection, deadline = connect(with_environment(params)), Deadline(params["timeout"])
    client = Client(connection, deadline)
    helm = Helm(connection, deadline, program=params["binary_path"])
    work = Work(params["name"], params["namespace"], client, helm, renewal(client, params, context))
    result = present(work, params["plan"], context) if params["state"] == "present" else rolled_back(work, params["release_revision"], context)
    return {**result, "duration": round(time.monotonic() - start, 3)}


def present(work: Work, plan: dict[str, t.Any], context: Context) -> Result:
    history = _history.read(work.client, work.namespace, work.name)
    _check_unmoved(history, plan)
    live = _history.deployed(history)
    outcome: Result = {"changed": plan["change"] != "none", "reason": plan["reason"], "diff": plan["plan_diff"]}
    if not outcome["changed"] or context.check_mode:
        return {**outcome, "release_revision": live.number if live else 0}
    work.renew()
    _recover(work, plan, context)
    context.say(f"{plan['change']} of {work.name}: {plan['reason']}")
    work.helm.upgrade(work.name, work.namespace, plan["chart_ref"], plan["release_values"], description=f"{plan['change']} to {plan['revision']}")
    after = _history.deployed(_history.read(work.client, work.namespace, work.name))
    if after is None or after.values != plan["release_values"] or (live and after.number <= live.number):
        raise ReleaseError(f"Helm reported success, but revision {after.number if after else 0} is not the planned one; look at helm history and run again")
    return {**outcome, "release_revision": after.number}


def rolled_back(work: Work, target: int, context: Context) -> Result:
    history = _history.read(work.client, work.namespace, work.name)
    wanted = _history.kept(history, target)
    if wanted is None:
        numbers = ", ".join(str(revision.number) for revision in history) or "none"
        raise ReleaseError(f"there is no revision {target} to roll back to (kept: {numbers})")
    live = _history.deployed(history)
    if live and live is history[-1] and live.manifest == wanted.manifest and live.values == wanted.values:
        return {"changed": False, "release_revision": live.number}
    if context.check_mode:
        return {"changed": True, "release_revision": target}
    work.renew()
    work.helm.rollback(work.name, work.namespace, wanted.number)
    after = _history.deployed(_history.read(work.client, work.namespace, work.name))
    if after is None or after.manifest != wanted.manifest:
        raise ReleaseError(f"after the rollback revision {after.number if after else 0} is deployed, which is not revision {target}; look at helm history")
    return {"changed": True, "release_revision": after.number}


def _check_unmoved(history: t.Sequence[_history.Revision], plan: t.Mapping[str, t.Any]) -> None:
    """The plan, if it still holds: it was made before the lock was ours."""
    newest = _history.latest(history)
    number = newest.number if newest else 0
    if number != plan["newest_revision"]:
        raise ReleaseError(f"the release changed since it was planned (revision {plan['newest_revision']} -> {number}); run again")


def _recover(work: Work, plan: t.Mapping[str, t.Any], context: Context) -> None:
    """With the lock held nobody else's Helm can be at work: what is pending was left behind."""
    if plan["recovery"] == "rollback":
        context.say(f"{plan['reason']}: rolling back to revision {plan['recovery_revision']} first")
        work.helm.rollback(work.name, work.namespace, int(plan["recovery_revision"]))
    elif plan["recovery"] == "uninstall":
        context.say(f"{plan['reason']}: uninstalling it first, it never was deployed")
        work.helm.uninstall(work.name, work.namespace)
