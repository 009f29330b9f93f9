# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_routed_wait``: what it takes and what it does."""

from __future__ import annotations

import typing as t

from .._deadline import Deadline
from .._errors import Error
from .._spec import Context, Params, Result, Spec
from ..registry import _routed
from ..registry._database import database
from ..registry._options import registry_options, with_actor
from ._options import asking, routing_options
from ._prove import Asking, Proof, prove, report

SPEC = Spec({**registry_options(), **routing_options()})


def run(params: Params, context: Context) -> Result:
    asked = asking(params)
    if context.check_mode:
        return {"changed": False, "skipped": True, "msg": "Nothing is registered in check mode, so there is nothing to wait for."}
    proof = prove(asked, Deadline(params["wait_timeout"]), context.say)
    return {"changed": False, **report(proof), **_record(params, asked, proof, context)}


def _record(params: t.Mapping[str, t.Any], asked: Asking, proof: Proof, context: Context) -> Result:
    """What was proven stays true when it cannot be recorded, so that is only a warning."""
    if params["event_id"] is None:
        return {}
    asked_by = with_actor(params, context)
    said = {name: asked_by[name] for name in ("actor", "correlation_id", "git_commit") if asked_by[name]}
    try:
        recorded = _routed.record(database(params), params["event_id"], asked.transport.where, proof.first_right, said)
    except Error as error:
        context.warn(f"{params['model']} is routed, but this could not be recorded as an event: {error}")
        return {}
    context.say(f"{params['model']}: {asked.transport.where} followed the registry after {recorded.propagation_seconds:.3f} s")
    return {"changed": recorded.new, "routed_event_id": recorded.event_id, "propagation_seconds": recorded.propagation_seconds}
