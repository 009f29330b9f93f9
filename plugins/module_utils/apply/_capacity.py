# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks for the capacity of what the plan adds, and decides how old pods give way to new ones."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import Error
from ..capacity import _claims, _question
from ..capacity import _module as capacity
from ..change._plan import Plan
from . import _target
from ._work import Work

Object = dict[str, t.Any]


class CapacityError(Error):
    """The pods do not fit, or it cannot be told; nothing was changed."""

    code = "no_capacity"


class DowntimeError(Error):
    """The pods fit only after the old ones have stopped, and nobody allowed that."""

    code = "downtime"


def strategy(work: Work, plan: Plan, deployment: Object | None) -> str:
    """The rollout strategy for the plan. Raises CapacityError and DowntimeError."""
    live = str(plan.workload.strategy.get("type") or "RollingUpdate")
    if not adds_pods(plan):
        return live
    answer = _ask(work, plan)
    _check_fits(work, answer)
    if not plan.replaces_pods:
        return live
    chosen, downtime = str(answer["strategy"]), str(answer["downtime"])
    if chosen == "Recreate" and _target.serves(deployment) and not work.request.params["allow_downtime"]:
        raise DowntimeError(
            f"no surge pod fits beside the pods that serve, so the old pods would have to stop before the new ones start (downtime {downtime}); "
            f"set vllm_allow_downtime, or free GPUs. {answer['message']}"
        )
    work.say(f"capacity: {chosen}, downtime {downtime}")
    return chosen


def check(work: Work, plan: Plan) -> None:
    """For a strategy that the request names: whether the pods fit by it."""
    if adds_pods(plan):
        _check_fits(work, _ask(work, plan))


def adds_pods(plan: Plan) -> bool:
    """Whether the scheduler will be asked to place pods: new ones, or more of the same."""
    if not plan.changed or plan.workload.replicas == 0:
        return False
    return plan.replaces_pods or plan.workload.live_replicas is None or plan.workload.wanted > plan.workload.live_replicas


def _ask(work: Work, plan: Plan) -> dict[str, t.Any]:
    params, strategy = work.request.params, work.request.params["strategy"]
    surge, unavailable = _rolling(plan)
    _claim(work, plan, strategy, surge)
    return work.call(
        capacity.SPEC,
        capacity.run,
        namespace=work.namespace,
        replicas=plan.workload.wanted,
        pod_template=plan.workload.template,
        replaces={"strategy": strategy, "max_surge": surge, "max_unavailable": unavailable, "selector": None, "release": work.name},
        wait=params["capacity_wait"] and not work.context.check_mode,
        wait_timeout=params["capacity_wait_timeout"],
    )


def _rolling(plan: Plan) -> tuple[str, str]:
    """maxSurge and maxUnavailable of a rolling update, as the values have them; the chart's defaults are 1 and 0."""
    rollout = plan.values.get("rollout") or {}
    given = {**rollout, **(plan.workload.strategy.get("rollingUpdate") or {})}
    return str(given.get("maxSurge", 1)), str(given.get("maxUnavailable", 0))


def _claim(work: Work, plan: Plan, strategy: str, surge: str) -> None:
    """Other runs, of this play and of others, then leave us the place: the claim comes before the question, so that of two one waits."""
    if work.keeper is None:
        return
    work.claimed = True
    lease, holder = work.keeper.lease
    question = _question.of_release(work.namespace, work.name, plan.workload.wanted, plan.workload.template, strategy, surge)
    _claims.publish(work.client(), work.namespace, lease, _claims.claim_document(question), holder=holder)


def give_back(work: Work) -> None:
    """The claim ends when the pods have their nodes, or with the run."""
    if work.keeper is not None and work.claimed:
        lease, holder = work.keeper.lease
        with contextlib.suppress(Error):
            _claims.withdraw(work.client(), work.namespace, lease, holder=holder)


def _check_fits(work: Work, answer: t.Mapping[str, t.Any]) -> None:
    if answer["verdict"] in work.request.params["capacity_fail_on"]:
        raise CapacityError(str(answer["message"]), code=str(answer["code"]))
    if answer["verdict"] != "pass":
        work.context.warn(f"{work.name}: {answer['message']}")
