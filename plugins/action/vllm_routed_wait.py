# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible.utils.display import Display

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.registry import _routed
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._target import target
from ..module_utils.routing._options import asking, routing_options
from ..module_utils.routing._prove import Asking, Proof, RoutingError, prove
from ..plugin_utils._controller import ControllerAction, Result


class ActionModule(ControllerAction):
    """Waits in the controller until a router follows the registry, and says every few seconds what it answers."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {**registry_options(), **routing_options()}

    def step(self) -> Result:
        asked = asking(self.params)
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "Nothing is registered in check mode, so there is nothing to follow."}
        proof = prove(asked, Deadline(self.params["wait_timeout"]), self.say)
        return {"changed": False, **_seen(proof), **self._record(self.params, asked, proof)}

    def failure(self, error: Error) -> Result:
        if isinstance(error, RoutingError):
            return {"failed": True, "msg": str(error), **_seen(error.proof)}
        return {"failed": True, "msg": f"{self.params['model']}: {error}"}

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
        self.say(f"{params['model']}: {asked.way.where} followed the registry after {recorded.propagation_seconds:.3f} s")
        return {"changed": recorded.new, "routed_event_id": recorded.event_id, "propagation_seconds": recorded.propagation_seconds}


def _seen(proof: Proof) -> Result:
    last = dataclasses.asdict(proof.last) if proof.last else None
    return {"requests": proof.requests, "consecutive": proof.row, "waited": round(proof.waited, 3), "last": last}
