# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Applies a plan, or goes back to a revision; then reads the release again, since only what is there counts."""

from __future__ import annotations

import typing as t

from .._errors import Error
from ..change._plan import Change, Plan
from ..cluster._client import Client
from . import _handover, _history, _live, _manifest
from ._helm import Helm
from ._history import Revision

Say = t.Callable[[str], None]


class ReleaseError(Error):
    """The release is not what the plan was made for, or not what it should have become."""

    code = "release_changed"


def check_unmoved(history: t.Sequence[Revision], plan: Plan) -> None:
    """Raises ReleaseError when somebody changed the release without the lock."""
    newest = _history.latest(history)
    number = newest.number if newest else 0
    if number != plan.newest_revision:
        raise ReleaseError(f"the release changed since it was planned (revision {plan.newest_revision} -> {number}); run again")


def nothing() -> None:
    """Nobody wants to know."""


def apply(client: Client, helm: Helm, plan: Plan, *, fence: t.Callable[[], None], say: Say, begun: t.Callable[[], None] = nothing) -> int:
    """Helm's number of the revision that is deployed then. ``fence`` raises when the lock is not ours any more.

    ``begun`` is called right before the first write: what is raised before has changed nothing.

    Raises ReleaseError, HelmError, DeadlineError.
    """
    name, namespace = plan.where.release, plan.where.namespace
    history = _history.read(client, namespace, name)
    check_unmoved(history, plan)
    fence()
    begun()
    for number in plan.forget:
        say(f"release: removing the record of revision {number}, which an interrupted run left behind")
        _history.forget(client, namespace, name, number)
    deployed = _history.deployed(history)
    if deployed is not None and _handover.needed(plan, deployed):
        say("release: the autoscaler takes over the number of replicas")
        _handover.hand_over(client, plan, deployed)
    helm.upgrade(name, namespace, plan.chart_ref, plan.values, description=f"{plan.action} to {plan.revision}")
    after = _history.deployed(_history.read(client, namespace, name))
    if after is None or after.content != plan.content or (plan.release_revision and after.number <= plan.release_revision):
        raise ReleaseError(f"Helm reported success, but revision {after.number if after else 0} is not the planned one; look at helm history and run again")
    if any(change.live for change in plan.changes):
        restore(client, after, fence=fence, say=say)
    return after.number


def roll_back(client: Client, helm: Helm, target: Revision, *, fence: t.Callable[[], None], say: Say) -> Revision:
    """To what ``target`` deployed; the revision that is deployed then."""
    history = _history.read(client, target.namespace, target.name)
    fence()
    # Before the stuck records go: from them Helm knows what it had begun, and takes away what the target has not.
    if not _history.serves(history, target.content):
        # Helm may have dropped the record since it was chosen, while a newer one has the same content.
        kept = _history.of_content(history, target.content) or target
        helm.rollback(target.name, target.namespace, kept.number)
    for stuck in _history.stuck(history):
        _history.forget(client, target.namespace, target.name, stuck.number)
    after = _history.deployed(_history.read(client, target.namespace, target.name))
    if after is None or after.content != target.content:
        raise ReleaseError(f"after the rollback revision {after.number if after else 0} is deployed, which is not what revision {target.number} was")
    restore(client, after, fence=fence, say=say)
    return after


def restore(client: Client, revision: Revision, *, fence: t.Callable[[], None], say: Say) -> list[Change]:
    """Puts right what Helm leaves as it finds it: what was changed or added by hand."""
    fence()
    done = _live.restore(client, _manifest.parse(revision.manifest), revision.namespace)
    for change in done:
        say(f"release: restored {change.words()}")
    return done
