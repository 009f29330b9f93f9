# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._errors import Error
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._store import plain
from ..module_utils.registry._table import read, status_options, table
from ..module_utils.registry._target import target

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Prints the table as it is; a result would be printed as YAML or JSON."""

    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        outcome: Result = super().run(tmp, task_vars)
        if self._connection.transport != "local":
            return {**outcome, **self._execute_module(task_vars=task_vars)}
        _validation, params = self.validate_argument_spec(argument_spec={**registry_options(), **status_options()})
        try:
            entries = read(target(params), params)
        except Error as error:
            return {**outcome, "failed": True, "msg": str(error)}
        Display().display(table(entries))
        return {**outcome, "changed": False, "table": table(entries), "entries": plain(entries)}
