# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from ._change import change, result
from ._database import database
from ._options import registry_options, with_actor
from ._request import entry_options, request

SPEC = Spec({**registry_options(), **entry_options()})


def run(params: Params, context: Context) -> Result:
    asked = with_actor(params, context)
    if context.check_mode and "verdict" not in (asked["verification"] or {}):
        asked["verification"] = None  # in check mode nothing is deployed, so nothing could be verified
    outcome = change(database(params), request(asked), check_mode=context.check_mode)
    for note in outcome.plan.notes:
        context.warn(note)
    return result(outcome)
