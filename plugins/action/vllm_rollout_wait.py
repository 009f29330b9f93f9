# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.rollout._client import RolloutError, Watch
from ..module_utils.rollout._state import Limits, Verdict
from ..plugin_utils._controller import ClusterAction, Result, operation_options


class ActionModule(ClusterAction):
    """Waits until the newest pods of a Deployment serve alone, and says every few seconds where it stands."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "wait_timeout": {"type": "int", "default": 1800},
        "wait_sleep": {"type": "float", "default": 1.0},
        "progress_seconds": {"type": "int", "default": 15},
        "restarts": {"type": "int", "default": Limits.restarts},
        "unschedulable_seconds": {"type": "int", "default": int(Limits.unschedulable_seconds)},
        **operation_options(),
    }

    def step(self) -> Result:
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "Nothing is rolled out in check mode."}
        params = self.params
        client = self.client(params["wait_timeout"] + 60)
        watch = Watch(
            client=client,
            namespace=params["namespace"],
            name=params["name"],
            limits=Limits(params["restarts"], params["unschedulable_seconds"]),
            interval=params["wait_sleep"],
            quiet=params["progress_seconds"],
            say=self.say,
            tick=self.renewal(client),
        )
        start = time.monotonic()
        verdict = watch.wait(Deadline(params["wait_timeout"]))
        return {"changed": False, "duration": round(time.monotonic() - start, 3), **_seen(verdict)}

    def failure(self, error: Error) -> Result:
        verdict = error.verdict if isinstance(error, RolloutError) else None
        return {**super().failure(error), **(_seen(verdict) if verdict else {})}


def _seen(verdict: Verdict) -> Result:
    cause = verdict.cause._asdict() if verdict.cause else None
    return {"state": verdict.state, "line": verdict.line, "replica_set": verdict.replica_set, "pods": list(verdict.pods), "cause": cause}
