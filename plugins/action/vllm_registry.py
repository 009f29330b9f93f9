# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ..module_utils.registry._change import change
from ..module_utils.registry._request import entry_options, request
from ..module_utils.registry._result import result
from ..module_utils.registry._target import target
from ..plugin_utils._controller import Result
from ..plugin_utils._registry import RegistryAction


class ActionModule(RegistryAction):
    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = entry_options()

    def step(self) -> Result:
        changed = change(target(self.params), request(self.params), check_mode=self._task.check_mode)
        for note in changed.plan.notes:
            Display().warning(note)
        return result(changed)
