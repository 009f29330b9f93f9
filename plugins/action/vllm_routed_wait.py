# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.registry import _routed
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._target import target
from ..module_utils.routing._options import asking, routing_options
from ..module_utils.routing._prove import Asking, Proof, RoutingError, prove

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Waits in the controller until a router follows the registry, and says every few seconds what it answers."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        outcome: Result = super().run(tmp, task_vars)
        self._host = (task_vars or {}).get("inventory_hostname", "localhost")
        _validation, params = self.validate_argument_spec(argument_spec={**registry_options(), **routing_options()})
        try:
            asked = asking(params)
            if self._task.check_mode:
                return {**outcome, "changed": False, "skipped": True, "msg": "Nothing is registered in check mode, so there is nothing to follow."}
            proof = prove(asked, Deadline(params["wait_timeout"]), self._say)
            return {**outcome, "changed": False, **_seen(proof), **self._record(params, asked, proof)}
        except RoutingError as error:
            return {**outcome, "failed": True, "msg": str(error), **_seen(error.proof)}
        except Error as error:
            return {**outcome, "failed": True, "msg": f"{params['model']}: {error}"}

    def _record(self, params: t.Mapping[str, t.Any], asked: Asking, proof: Proof) -> Result:
        """That it cannot be written down makes what was proved no less true: a warning."""
        if params["event_id"] is None:
            return {}
        said = {name: params[name] for name in ("actor", "correlation_id", "git_commit") if params[name]}
        try:
            recorded = _routed.record(target(params), params["event_id"], asked.way.where, proof.first_right, said)
        except Error as error:
            Display().warning(f"{params['model']} is routed, but the event of it could not be recorded: {error}")
            return {}
        self._say(f"{params['model']}: {asked.way.where} followed the registry after {recorded.propagation_seconds:.3f} s")
        return {"changed": recorded.new, "routed_event_id": recorded.event_id, "propagation_seconds": recorded.propagation_seconds}

    def _say(self, text: str) -> None:
        Display().display(f"{self._host}: {text}")


def _seen(proof: Proof) -> Result:
    last = dataclasses.asdict(proof.last) if proof.last else None
    return {"requests": proof.requests, "consecutive": proof.row, "waited": round(proof.waited, 3), "last": last}
