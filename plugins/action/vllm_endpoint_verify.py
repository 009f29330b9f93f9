# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.endpoint import _options
from ..module_utils.gates import _files, _gate, _verification
from ..plugin_utils._controller import ClusterAction, Result

PROGRESS_SECONDS = 3.0
# A sample that can prove a P95 takes its time.
TOLD_FROM = 59


class ActionModule(ClusterAction):
    """The module's own work, done in the controller where its progress can be read. On another machine it is the module that runs there."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = _options.endpoint_options()

    def by_module(self) -> bool:
        return self.elsewhere()

    def step(self) -> Result:
        params = self.params
        deadline, self._told = Deadline(params["timeout"]), time.monotonic()
        verified = _verification.verification(params, _options.plan(params), _gate.parse(params["gates"]), deadline, self._progress)
        if not self._task.check_mode:
            _files.write(params["model"], verified, params["report"], params["junit"])
        result = {"changed": False, **verified.result}
        return {**result, "failed": True, "msg": result["message"]} if result["verdict"] in params["fail_on"] else result

    def failure(self, error: Error) -> Result:
        return {"failed": True, "msg": f"{self.params['model']}: {error}"}

    def _progress(self, done: int, wanted: int, failed: int) -> None:
        """From several threads at once; a line too many does no harm."""
        now = time.monotonic()
        if not done and wanted >= TOLD_FROM:
            self._told = now
            self.say(f"{self._amount(wanted)} requests, {self.params['concurrency']} at a time, are being measured")
        elif now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self.say(f"{done} of {self._amount(wanted)} requests measured, {failed} failed")

    def _amount(self, wanted: int) -> str:
        return f"{self.params['duration']:g} s of" if self.params["duration"] and self.params["samples"] is None else str(wanted)
