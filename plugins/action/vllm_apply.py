# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible.errors import AnsibleError

from ..module_utils._spec import Context
from ..module_utils.apply import _settings
from ..module_utils.apply._module import SPEC, run
from ..module_utils.change._names import release_name
from ..plugin_utils._controller import ControllerAction


class ActionModule(ControllerAction):
    """Brings one model to what is asked for, in the controller, where its progress can be read and the play's other hosts are known."""

    SPEC = SPEC
    RUN = staticmethod(run)
    ALWAYS_HERE = True

    def context(self) -> Context:
        context = super().context()
        for name, nearest in _settings.unknown(self.variables):
            hint = f"; did you mean {nearest}?" if nearest else ""
            context.warn(f"{context.host}: nothing reads the variable {name}{hint}")
        return dataclasses.replace(context, peers=dict(self._peers(context.host)))

    def _peers(self, me: str) -> t.Iterator[tuple[str, tuple[str, str]]]:
        """Namespace and release of the play's other models, as far as their inventory says them."""
        hosts = self.variables.get("hostvars") or {}
        for host in self.variables.get("ansible_play_hosts_all") or ():
            if host == me or host not in hosts:
                continue
            with contextlib.suppress(AnsibleError):
                given = hosts[host]
                environment = str(given.get("vllm_environment") or "")
                release = given.get("vllm_release") or release_name(str(host), environment)
                yield str(host), (str(given.get("vllm_namespace") or environment), str(release))
