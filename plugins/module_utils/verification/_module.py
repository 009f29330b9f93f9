# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_endpoint_verify``: what it takes and what it does."""

from __future__ import annotations

import time

from .._deadline import Deadline
from .._errors import Error
from .._spec import Context, Params, Result, Spec
from ..cluster._options import kubernetes_options
from ..endpoint import _options
from ..endpoint._load import Progress
from ..gates import _confidence, _gate
from . import _report_files, _verification

PROGRESS_SECONDS = 3.0
#: A sample that can prove a P95 takes its time, so its start is announced.
ANNOUNCED_FROM = _confidence.needed(0.05, _gate.CONFIDENCE)

SPEC = Spec({**kubernetes_options(), **_options.endpoint_options()})


def run(params: Params, context: Context) -> Result:
    deadline = Deadline(params["timeout"])
    try:
        verified = _verification.verification(params, _options.plan(params), _gate.parse(params["gates"]), deadline, progress(params, context))
        if not context.check_mode:
            _report_files.write(params["model"], verified, params["report"], params["junit"])
    except Error as error:
        error.args = (f"{params['model']}: {error}",)
        raise
    result = {"changed": False, **verified.result}
    return {**result, "failed": True, "msg": result["message"]} if result["verdict"] in params["fail_on"] else result


def progress(params: Params, context: Context) -> Progress:
    """From several threads at once; a line too many does no harm."""
    amount = f"{params['duration']:g} s of" if params["duration"] and params["samples"] is None else ""
    last = time.monotonic()

    def tell(done: int, wanted: int, failed: int) -> None:
        nonlocal last
        now = time.monotonic()
        if not done and wanted >= ANNOUNCED_FROM:
            last = now
            context.say(f"measuring {amount or wanted} requests, {params['concurrency']} at a time")
        elif now - last >= PROGRESS_SECONDS:
            last = now
            context.say(f"{done} of {amount or wanted} requests measured, {failed} failed")

    return tell
