# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ..module_utils.registry._options import registry_options
from ..module_utils.registry._store import plain
from ..module_utils.registry._table import read, status_options, table
from ..module_utils.registry._target import target
from ..plugin_utils._controller import ControllerAction, Result


class ActionModule(ControllerAction):
    """Prints the table as it is; a result would be printed as YAML or JSON."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {**registry_options(), **status_options()}

    def by_module(self) -> bool:
        return self.elsewhere()

    def step(self) -> Result:
        entries = read(target(self.params), self.params)
        Display().display(table(entries))
        return {"changed": False, "table": table(entries), "entries": plain(entries)}
