# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..module_utils.rollout._module import SPEC, run
from ..plugin_utils._controller import ControllerAction


class ActionModule(ControllerAction):
    """Waits until the newest pods of a Deployment serve alone, and says every few seconds where it stands."""

    SPEC = SPEC
    RUN = staticmethod(run)
    ALWAYS_HERE = True
