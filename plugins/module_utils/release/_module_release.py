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
from .._spec import Context, Params, Result, Spec
from ..change import _plan
from ..change._plan import Plan
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from ..lock._module import lock_options, renewal
from . import _apply, _history, _manifest
from ._helm import Helm

SPEC = Spec(
    {
        **kubernetes_options(),
        "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
        "plan": {"type": "dict"},
        "name": {"type": "str", "aliases": ["release_name"]},
        "namespace": {"type": "str", "aliases": ["release_namespace"]},
        "release_revision": {"type": "int"},
        "binary_path": {"type": "path"},
        "timeout": {"type": "int", "default": 300},
        **lock_options(),
    },
    mutually_exclusive=(("plan", "name"), ("plan", "namespace"), ("plan", "release_revision")),
    required_together=(("name", "namespace"),),
    required_if=(("state", "present", ["plan"]), ("state", "rolled_back", ["name", "namespace", "release_revision"])),
)


def run(params: Params, context: Context) -> Result:
    start = time.monotonic()
    plan = _plan.read(params["plan"]) if params["state"] == "present" else None
    connection, deadline = connect(with_environment(params)), Deadline(params["timeout"])
    client = Client(connection, deadline)
    helm = Helm(connection, deadline, program=params["binary_path"])
    namespace = plan.where.namespace if plan else params["namespace"]
    fence = renewal(client, {**params, "namespace": namespace}, context)
    result = present(client, helm, plan, fence, context) if plan else rolled_back(client, helm, params, fence, context)
    return {**result, "duration": round(time.monotonic() - start, 3)}


def present(client: Client, helm: Helm, plan: Plan, fence: t.Callable[[], None], context: Context) -> Result:
    outcome: Result = {"changed": plan.changed, "reason": plan.reason, "code": plan.code, "diff": dict(plan.diff)}
    if context.check_mode or not plan.changed:
        _apply.check_unmoved(_history.read(client, plan.where.namespace, plan.where.release), plan)
        return {**outcome, "release_revision": plan.release_revision}
    context.say(f"{plan.action} of {plan.where.release}: {plan.reason}")
    return {**outcome, "release_revision": _apply.apply(client, helm, plan, fence=fence, say=context.say)}


def rolled_back(client: Client, helm: Helm, params: Params, fence: t.Callable[[], None], context: Context) -> Result:
    history = _history.read(client, params["namespace"], params["name"])
    wanted = next((revision for revision in history if revision.number == params["release_revision"]), None)
    if wanted is None:
        numbers = ", ".join(str(revision.number) for revision in history) or "none"
        raise _apply.ReleaseError(f"there is no revision {params['release_revision']} to roll back to (kept: {numbers})", code="revision_missing")
    live = _history.deployed(history)
    changed = not _history.serves(history, wanted.content)
    outcome: Result = {"changed": changed, "diff": _diff(live, wanted) if changed else {}}
    if context.check_mode or not changed:
        return {**outcome, "release_revision": live.number if live and not changed else wanted.number}
    return {**outcome, "release_revision": _apply.roll_back(client, helm, wanted, fence=fence, say=context.say).number}


def _diff(live: _history.Revision | None, wanted: _history.Revision) -> dict[str, str]:
    return _manifest.difference(_manifest.parse(live.manifest) if live else {}, _manifest.parse(wanted.manifest))
