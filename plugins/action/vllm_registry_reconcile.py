# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..module_utils.registry._module_reconcile import SPEC, run
from ..plugin_utils._controller import ControllerAction


class ActionModule(ControllerAction):
    """The module's own work where the connection is local: here is known who acts, and the process that holds the lock."""

    SPEC = SPEC
    RUN = staticmethod(run)
