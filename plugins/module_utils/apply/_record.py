# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The registry's side of a run: what is asked of it before anything is changed, and what is written at the end."""

from __future__ import annotations

import dataclasses
import typing as t

from .._spec import silent
from ..change._plan import Plan
from ..registry import _module_entry as entry
from ..registry import _module_info as info
from ..routing import _module as routing
from ._work import Work

Json = dict[str, t.Any]

#: The reason of a row that was disabled because its release has no pods; scaling up ends that, and nothing else does.
SCALED_TO_ZERO = "scaled to 0 replicas"


def rows(work: Work) -> list[Json]:
    """The model's entries. Asked before the lock too, since a database that cannot be reached must stop a run that has changed nothing."""
    found = work.call(info.SPEC, info.run, model=[work.request.model], environment=[work.request.environment], **database(work))
    return t.cast(list[Json], found["entries"])


def foretell(work: Work, plan: Plan) -> Json:
    """The row as it will be, refused now rather than after the rollout: its values, the status change and the database's grants."""
    if plan.workload.replicas == 0:
        return disable(work, SCALED_TO_ZERO, check_mode=True)
    return _enter(work, plan, {}, plan.release_revision, check_mode=True)


def register(work: Work, plan: Plan, verification: Json, release_revision: int) -> Json:
    """The registry's result; a model that was disabled because it had no pods is enabled again."""
    done = _enter(work, plan, verification, release_revision)
    row = done.get("entry") or {}
    if row.get("deployment_status") == "disabled" and row.get("deployment_reason") == SCALED_TO_ZERO:
        enabled = _change(work, state="enabled", revision=plan.revision)
        return {**enabled, "changed": True, "event_ids": [*done.get("event_ids", ()), *enabled.get("event_ids", ())]}
    return done


def disable(work: Work, reason: str, *, check_mode: bool = False) -> Json:
    """Out of the routing; routers follow within seconds. Nothing to do for a model that is not registered."""
    living = [row for row in rows(work) if row["deployment_status"] in ("ready", "degraded", "pending", "deploying")]
    return _change(work, check_mode=check_mode, state="disabled", reason=reason) if living else {"changed": False}


def remove(work: Work, reason: str) -> Json:
    return _change(work, state="absent", reason=reason or None) if rows(work) else {"changed": False}


def routed(work: Work, plan: Plan, done: Json) -> Json:
    """Waits until the router answers as the registry says; nothing when no router is named."""
    # A model that was disabled stays so whatever is registered.
    return _router(work, done, state="routed" if done.get("routable") else "refused", revision=plan.revision)


def refused(work: Work, done: Json) -> Json:
    """Waits until the router sends nothing to the model any more."""
    return _router(work, done, state="refused", revision=None) if done.get("changed") else {}


def _router(work: Work, done: Json, *, state: str, revision: str | None) -> Json:
    params = work.request.params
    if not params["router_url"] or work.context.check_mode:
        return {}
    row = done.get("entry") or {}
    return work.call(
        routing.SPEC,
        routing.run,
        url=params["router_url"],
        model=params["router_model"] or work.request.model,
        state=state,
        revision=revision,
        route_id=row.get("deployment_id"),
        # With a part of the traffic it would not answer so often in a row by itself.
        by_name=bool(revision) and row.get("deployment_weight", 100) != 100,
        kind=params["kind"],
        consecutive=params["router_consecutive"],
        wait_timeout=params["router_timeout"],
        router_ca_cert=params["router_ca_cert"] or None,
        http_proxy=params["router_http_proxy"] or None,
        allowed_networks=params["router_allowed_networks"],
        event_id=done.get("event_id"),
        **actor(work),
        **database(work),
    )


def database(work: Work) -> Json:
    return {name: value for name, value in (work.request.params["registry"] or {}).items() if value is not None}


def actor(work: Work) -> Json:
    """Who acts, as the options say it, else as the run knows it."""
    params, found = work.request.params, work.context.actor
    commit = params["git_commit"] or found.commit
    return {"actor": params["actor"] or found.user or None, "correlation_id": params["correlation_id"] or found.job or None, "git_commit": commit or None}


def _enter(work: Work, plan: Plan, verification: Json, release_revision: int, *, check_mode: bool = False) -> Json:
    params = work.request.params
    weight = params["weight"]
    return _change(
        work,
        check_mode=check_mode,
        state="present",
        namespace=plan.where.namespace,
        endpoint=plan.where.endpoint,
        revision=plan.revision,
        bundle=plan.bundle.digest,
        bundle_content=plan.bundle.content,
        display_name=params["display_name"] or None,
        input_cost_per_token=params["input_cost_per_token"],
        output_cost_per_token=params["output_cost_per_token"],
        weight=weight,
        release=plan.where.release,
        release_revision=release_revision,
        verification=verification or None,
        record_verification=bool(verification),
        kind=plan.where.kind,
    )


def _change(work: Work, *, check_mode: bool = False, **options: t.Any) -> Json:
    # What the registry notes about a model that stays disabled is said once, at the end of the run.
    quiet = dataclasses.replace(work, context=dataclasses.replace(work.context, check_mode=check_mode or work.context.check_mode, warn=silent))
    given = {**options, **actor(work), **database(work), "model": work.request.model, "environment": work.request.environment}
    return quiet.call(entry.SPEC, entry.run, **given)
