# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_gpu_capacity``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from . import _query, _question

SPEC = Spec({**kubernetes_options(), **_question.OPTIONS}, mutually_exclusive=(("pod_template", "resources"),))


def run(params: Params, context: Context) -> Result:
    question = _question.question(params)
    result = _query.until(connect(with_environment(params)), question, params, context.say)
    failed = result.get("verdict") in params["fail_on"]
    return {**result, "changed": False, **({"failed": True, "msg": result["message"]} if failed else {})}
