# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The registry's modules in the controller: a process of their own costs more than what they do."""

from __future__ import annotations

import typing as t

from ..module_utils.registry._options import registry_options
from ._controller import ControllerAction


class RegistryAction(ControllerAction):
    """The module's own work where the connection is local; on another machine it is the module that runs there."""

    def by_module(self) -> bool:
        return self.elsewhere()

    def spec(self) -> dict[str, dict[str, t.Any]]:
        return {**registry_options(), **self.SPEC}
