# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry_reconcile``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from ._database import database
from ._options import registry_options, with_actor
from ._probe import probe_options
from ._reconcile import reconcile, reconcile_options, result

SPEC = Spec({**registry_options(), **probe_options(), **reconcile_options()})


def run(params: Params, context: Context) -> Result:
    return result(reconcile(database(params), with_actor(params, context), context), params["fail_on"])
