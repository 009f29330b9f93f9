# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ..module_utils.registry._store import plain
from ..module_utils.registry._table import read, status_options, table
from ..module_utils.registry._target import target
from ..plugin_utils._controller import Result
from ..plugin_utils._registry import RegistryAction


class ActionModule(RegistryAction):
    """Prints the table as it is; a result would be printed as YAML or JSON."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = status_options()

    def step(self) -> Result:
        entries = read(target(self.params), self.params)
        printed = table(entries)
        Display().display(printed)
        return {"changed": False, "table": printed, "entries": plain(entries)}
