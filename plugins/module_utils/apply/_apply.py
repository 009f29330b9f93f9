# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One run for one model: what is decided is decided once, inside the lock, and what is said is what was seen."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

from .._errors import Error, InputError
from .._spec import Context
from ..bundle import _bundle
from ..change._evidence import Evidence
from ..change._outcome import Outcome, ResultName
from ..change._plan import Plan
from ..lock._keeper import held
from ..lock._lease import VERIFIED
from ..lock._lock import LeaseLostError
from ..release import _apply, _planner, _preflight
from ..release._history import Revision
from ..release._planner import Look
from . import _capacity, _record, _recover, _retire, _target, _verify
from ._request import ApplyRequest
from ._rollout import roll_out
from ._work import API_SECONDS, Done, Work

Json = dict[str, t.Any]


def apply(request: ApplyRequest, context: Context) -> Done:
    """Raises Error for what was refused before anything was changed; what fails later is in the outcome, with what serves now."""
    _refuse_twins(request, context)
    work = Work.of(request, context)
    if request.state == "absent":
        return _retire.retire(work)
    with work.timed("preflight"):
        _ask_first(work)
    if context.check_mode:
        return _predict(work)
    params = request.params
    reason = f"{'register' if request.state == 'verified' else 'deploy'} of {request.model}"
    stack = contextlib.ExitStack()
    with work.timed("lock"):
        lock = held(work.connection, work.namespace, work.name, context, reason=reason, duration=params["lock_duration"], wait=params["lock_wait_timeout"])
        work.keeper = stack.enter_context(lock)
    with stack:
        try:
            return _locked(work)
        finally:
            _capacity.give_back(work)


def _refuse_twins(request: ApplyRequest, context: Context) -> None:
    """Two hosts that take turns on one release would undo each other at every run."""
    twins = [host for host, place in sorted(context.peers.items()) if place == (request.namespace, request.release)]
    if twins:
        names = " and ".join(sorted([context.host, *twins]))
        raise InputError(
            f"{names} of this play have the same release {request.namespace}/{request.release}; give one of them another name by vllm_release",
            code="duplicate_release",
        )


def _ask_first(work: Work) -> None:
    """What no other run can change: permissions, Secrets, the chart, the database."""
    release = work.request.release_request()
    _planner.refuse(release)
    _preflight.before_plan(work.client(), work.namespace, work.name, _planner.secret_references(release))
    if work.request.params["register"]:
        _record.rows(work)


def _look(work: Work) -> Look:
    request, params = work.request.release_request(), work.request.params
    # The capacity may be waited for in the middle of it.
    seconds = API_SECONDS + (params["capacity_wait_timeout"] if params["capacity_wait"] else 0)
    decide = None if work.request.state == "verified" else functools.partial(_capacity.strategy, work)
    found = _planner.look(work.client(seconds), work.helm(seconds), request, decide)
    if request.strategy != "auto" and decide:
        _capacity.check(work, found.plan)
    for note in found.notes:
        work.context.warn(f"{work.name}: {note}")
    if found.plan.changed:
        _preflight.of_rendered(work.client(), work.namespace, found.rendered)
    return found


def _predict(work: Work) -> Done:
    """Check mode: everything that is asked inside the lock otherwise, and nothing written."""
    with work.timed("plan"):
        look = _look(work)
        _refuse_other(work, look.plan)
        row = _record.foretell(work, look.plan) if work.request.params["register"] else {}
    plan = look.plan
    changed = plan.changed or bool(row.get("changed"))
    message = f"would {plan.action} revision {plan.revision}: {plan.reason}" if plan.changed else plan.reason
    outcome = Outcome("planned", plan.code, message, plan, None, plan.release_revision, phases=work.phases, status=_status(row))
    return Done(outcome, changed, _diffs(plan, row))


class _Decided(t.NamedTuple):
    """What was decided inside the lock, before anything was changed. ``row`` is the row as it will be, ``good``: what is live was verified."""

    look: Look
    row: Json
    target: Revision | None
    good: bool


def _decide(work: Work) -> _Decided:
    look = _look(work)
    _refuse_other(work, look.plan)
    registers = work.request.params["register"]
    rows = _record.rows(work) if registers else []
    row = _record.foretell(work, look.plan) if registers else {}
    verified = work.keeper.verified() if work.keeper else {}
    target = _target.choose(look.history, look.deployment, verified, rows)
    return _Decided(look, row, target, verified.get("content") == look.plan.content)


@dataclasses.dataclass
class _Progress:
    """How far a run has come: what was written, proven and recorded."""

    number: int
    applied: bool = False
    verified: bool = False
    recorded: Json = dataclasses.field(default_factory=dict)

    def begun(self) -> None:
        self.applied = True

    @property
    def changed(self) -> bool:
        return self.applied or bool(self.recorded.get("changed"))


def _locked(work: Work) -> Done:
    with work.timed("plan"):
        decided = _decide(work)
    plan, done = decided.look.plan, _Progress(decided.look.plan.release_revision)
    if plan.workload.replicas == 0:
        return _scale_to_zero(work, decided, done)
    try:
        _write(work, plan, done)
        with work.timed("rollout"):
            roll_out(work, plan.workload.deadline)
        with work.timed("verify"):
            evidence, verification = _verify.verify(work, plan, decided.look.rendered)
            done.verified = True
            _note(work, plan, done.number)
        if work.request.params["register"]:
            with work.timed("record"):
                work.fence()
                done.recorded = _record.register(work, plan, verification, done.number)
            with work.timed("router"):
                _record.routed(work, plan, done.recorded)
    except LeaseLostError:
        raise
    except (Error, OSError) as error:
        return _failed(work, decided, done, error)
    return _succeeded(work, plan, evidence, verification, done)


def _write(work: Work, plan: Plan, done: _Progress) -> None:
    if not plan.changed:
        return
    with work.timed("release"):
        work.say(f"release: {plan.action} to revision {plan.revision}: {plan.reason}")
        done.number = _apply.apply(work.client(300), work.helm(), plan, fence=work.fence, say=work.say, begun=done.begun)


def _note(work: Work, plan: Plan, number: int) -> None:
    """That it cannot be noted makes what was proven no less true."""
    try:
        work.fence({VERIFIED: noted(plan, number)})
    except LeaseLostError:
        raise
    except Error as error:
        work.context.warn(f"{work.name} was verified, but this could not be noted on its lock: {error}")


def _failed(work: Work, decided: _Decided, done: _Progress, error: Exception) -> Done:
    """To go back makes sense only from something else than the target, and only for a run that may change the release."""
    target, plan = decided.target, decided.look.plan
    unchanged = decided.good and not done.applied
    moved = isinstance(error, _apply.ReleaseError) and not done.applied
    if unchanged or moved or work.request.state == "verified" or (target is not None and target.content == plan.content):
        target = None
    recorded = bool(done.recorded.get("changed"))
    known = error if isinstance(error, Error) else Error(str(error))
    outcome = _recover.recover(work, decided.look, target, known, applied=done.applied, verified=done.verified, recorded=recorded)
    outcome = dataclasses.replace(outcome, event_ids=tuple(done.recorded.get("event_ids", ())), status=_status(done.recorded))
    return Done(outcome, done.changed or outcome.result == "rolled_back", _diffs(plan, done.recorded) if done.applied else ())


def _succeeded(work: Work, plan: Plan, evidence: Evidence, verification: Json, done: _Progress) -> Done:
    changed, row = done.changed, done.recorded
    message = f"revision {plan.revision} serves{'' if changed else ', unchanged'}"
    if _status(row) == "disabled":
        reason = (row.get("entry") or {}).get("deployment_reason")
        message = f"revision {plan.revision} runs and was verified, but {work.request.model} stays disabled{f' ({reason})' if reason else ''}"
        work.context.warn(f"{message}; enable it with the module vllm_registry, state enabled")
    outcome = Outcome(
        result="changed" if changed else "unchanged",
        code="deployed" if changed else "as_planned",
        message=message,
        plan=plan,
        evidence=evidence,
        release_revision=done.number,
        event_ids=tuple(row.get("event_ids", ())),
        phases=work.phases,
        status=_status(row),
        latency=verification.get("latency") or {},
    )
    return Done(outcome, changed, _diffs(plan, row), verification)


def _scale_to_zero(work: Work, decided: _Decided, done: _Progress) -> Done:
    """Out of the routing first, then drained, then scaled: no request meets a pod that is on its way out. Nothing is verified."""
    plan = decided.look.plan
    try:
        if work.request.params["register"]:
            with work.timed("record"):
                work.fence()
                done.recorded = _record.disable(work, _record.SCALED_TO_ZERO)
                _record.refused(work, done.recorded)
        if plan.changed:
            with work.timed("drain"):
                _retire.drain(work)
            _write(work, plan, done)
            with work.timed("rollout"):
                roll_out(work, plan.workload.deadline)
    except LeaseLostError:
        raise
    except (Error, OSError) as error:
        return _failed(work, decided._replace(target=None), done, error)
    message = "vllm_replicas is 0: the model is disabled and has no pods"
    result: ResultName = "changed" if done.changed else "unchanged"
    status = _status(done.recorded) or "disabled"
    outcome = Outcome(result, "scaled_to_zero", message, plan, None, done.number, phases=work.phases, status=status)
    return Done(outcome, done.changed, _diffs(plan, done.recorded))


def noted(plan: Plan, number: int) -> str:
    """What the lease remembers of the last verification, as JSON."""
    note = {"content": plan.content, "bundle": plan.bundle.digest, "revision": plan.revision, "release_revision": number}
    return _bundle.canonical(note)


def _refuse_other(work: Work, plan: Plan) -> None:
    """To register is not to deploy: only what runs as the inventory says is registered."""
    if work.request.state == "verified" and plan.changed:
        raise Error(f"{work.name} is not deployed as the inventory defines it ({plan.reason}): run the deploy, which also registers it", code="not_as_planned")


def _status(row: Json) -> str:
    return str((row.get("entry") or {}).get("deployment_status") or "")


def _diffs(plan: Plan, row: Json) -> tuple[Json, ...]:
    found: list[Json] = [dict(plan.diff)] if plan.changed else []
    if row.get("diff") and row.get("changed"):
        found.append({**row["diff"], "before_header": "registry", "after_header": "registry"})
    return tuple(found)
