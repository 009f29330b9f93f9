# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..module_utils.registry._query import query_options, read
from ..module_utils.registry._store import plain
from ..module_utils.registry._target import target
from ..plugin_utils._controller import Result
from ..plugin_utils._registry import RegistryAction


class ActionModule(RegistryAction):
    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = query_options()

    def step(self) -> Result:
        return {"changed": False, self.params["what"]: plain(read(target(self.params), self.params))}
