# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ..module_utils.registry._change import change
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._request import entry_options, request
from ..module_utils.registry._result import result
from ..module_utils.registry._target import target
from ..plugin_utils._controller import ControllerAction, Result


class ActionModule(ControllerAction):
    """The module's own work, done in the controller: half a second less for every model. On another machine it is the module that runs there."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {**registry_options(), **entry_options()}

    def by_module(self) -> bool:
        return self.elsewhere()

    def step(self) -> Result:
        changed = change(target(self.params), request(self.params), check_mode=self._task.check_mode)
        for note in changed.plan.notes:
            Display().warning(note)
        return result(changed)
