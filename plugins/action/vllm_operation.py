# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..module_utils._deadline import Deadline
from ..plugin_utils._controller import ClusterAction, Result, operation_options


class ActionModule(ClusterAction):
    """Takes, renews or gives back the operation lease of a release."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["acquired", "renewed", "released"], "default": "acquired"},
        "reason": {"type": "str", "default": ""},
        "duration": {"type": "int", "default": operation_options()["operation_duration"]["default"]},
        "wait_timeout": {"type": "int", "default": 900},
    }

    def step(self) -> Result:
        wait = self.params["wait_timeout"]
        client = self.client(wait + 60)
        name, duration = self.params["name"], self.params["duration"]
        operation = self.operation(client, name, reason=self.params["reason"], duration=duration)
        if self._task.check_mode:
            held = operation.read()
            return {"changed": False, "holder": (held or {}).get("spec", {}).get("holderIdentity") or ""}
        if self.params["state"] == "acquired":
            patience = Deadline(wait)
            note = operation.acquire(patience, self.say)
            if note:
                self.say(f"operation on {name} {note}")
            return {"changed": False, "takeover": note, "waited": round(patience.elapsed(), 3)}
        if self.params["state"] == "renewed":
            operation.renew()
            return {"changed": False}
        return {"changed": False, "was_ours": operation.release()}
