# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""After a failure: back to what served before, at once, and then only what was seen about what serves now."""

from __future__ import annotations

from .._errors import Error
from ..change._outcome import Outcome, Serving
from ..lock._lock import LeaseLostError
from ..release import _apply as release
from ..release import _history, _live
from ..release._history import Revision
from ..release._planner import Look
from . import _verify
from ._rollout import live_deadline, roll_out
from ._work import Work


def recover(work: Work, look: Look, target: Revision | None, error: Error, *, applied: bool, verified: bool, recorded: bool = False) -> Outcome:
    """``target`` None: nothing is changed back. ``verified``: what is live passed, and only what came after it failed.
    ``recorded``: the registry was changed.
    """
    failed_in = work.phase
    trouble = ""
    goes_back = target is not None and work.request.params["rollback_on_failure"] and not verified
    if goes_back and target is not None:
        with work.timed("recover"):
            trouble = _go_back(work, target)
    with work.timed("observe"):
        serving = observe(work, look.plan.where.model)
    back = goes_back and not trouble and target is not None and serving.bundle == target.bundle
    # A row that was right before is not changed, and registered all the same.
    registered = verified and (recorded or failed_in == "router")
    aftermath = _aftermath(look, target, serving, trouble, applied=applied, verified=verified, recorded=recorded or registered, back=back)
    return Outcome(
        result="rolled_back" if back else "failed",
        code=error.code,
        message=f"{work.name}: {failed_in}: {str(error).rstrip('.')}. {aftermath}",
        plan=look.plan,
        release_revision=serving.release_revision,
        phases=work.phases,
        serving=serving,
        next_step=_next_step(registered=registered, verified=verified, trouble=trouble),
    )


def observe(work: Work, model: str) -> Serving:
    """What is live now, by asking: Helm's record, the Deployment and the endpoint itself."""
    try:
        live = _history.deployed(_history.read(work.client(), work.namespace, work.name))
        deployment = _live.deployment(work.client(), work.namespace, work.name)
    except Error:
        return Serving(verdict="inconclusive")
    if deployment is None:
        return Serving(release_revision=live.number if live else 0, revision=live.revision if live else "", bundle=live.bundle if live else "")
    ready, wanted = (deployment.get("status") or {}).get("readyReplicas") or 0, deployment["spec"].get("replicas", 1)
    metadata = deployment["metadata"]
    return Serving(
        revision=str((metadata.get("labels") or {}).get("inference.vllm/revision") or ""),
        bundle=str((metadata.get("annotations") or {}).get(_verify.BUNDLE) or ""),
        release_revision=live.number if live else 0,
        ready=ready,
        wanted=wanted,
        verdict=_verify.observe(work, model) if ready else "fail" if wanted else "",
    )


def _go_back(work: Work, target: Revision) -> str:
    """Why it did not work; empty when it did."""
    work.say(f"recover: rolling back to revision {target.revision or target.number} (Helm revision {target.number})")
    try:
        after = work.again(lambda: release.roll_back(work.client(300), work.helm(), target, fence=work.fence, say=work.say))
        if target.replicas != 0:
            roll_out(work, live_deadline(work))
    except LeaseLostError:
        raise
    except Error as error:
        return str(error)
    return "" if after.content == target.content else "the release is not as it was before"


def _aftermath(look: Look, target: Revision | None, serving: Serving, trouble: str, *, applied: bool, verified: bool, recorded: bool, back: bool) -> str:
    now = f"Now {serving.words()}."
    if verified:
        return f"The new revision runs and was verified{', and it is registered' if recorded else ', but it could not be registered'}. {now}"
    if back and target is not None:
        return f"Rolled back to revision {target.revision or target.number} (Helm revision {serving.release_revision}). {now}"
    if trouble:
        return f"The rollback failed: {trouble}. {now}"
    if not applied:
        return f"{'The model was taken out of the routing; its release was not changed' if recorded else 'Nothing was changed'}. {now}"
    left = "There was nothing verified to roll back to, so it was left in place for inspection"
    return f"{left}{'; routers do not send to it' if look.plan.action == 'install' else ''}. {now}"


def _next_step(*, registered: bool, verified: bool, trouble: str) -> str:
    if registered:
        return "read the router's log, then run the deploy again"
    if verified:
        return "run the deploy again"
    if trouble:
        return "read helm history and the pods' logs, then run the deploy again"
    return "correct the cause, then run the deploy again"
