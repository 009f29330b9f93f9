# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry_health``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from ._database import database
from ._health import check, health_options, result
from ._options import registry_options, with_actor
from ._probe import probe_options

SPEC = Spec({**registry_options(), **probe_options(), **health_options()})


def run(params: Params, context: Context) -> Result:
    answer = result(check(database(params), with_actor(params, context), check_mode=context.check_mode), params["fail_on"])
    for note in answer["notes"]:
        context.warn(note)
    return answer
