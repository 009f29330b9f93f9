# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What our action plugins share: they run in the controller, where a person or AWX reads their progress."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.cluster._client import Client
from ..module_utils.cluster._connection import connect
from ..module_utils.cluster._options import kubernetes_options, with_environment
from ..module_utils.operation import _holder
from ..module_utils.operation._client import Operation
from ..module_utils.operation._lease import DURATION_SECONDS

Result = dict[str, t.Any]


def operation_options() -> dict[str, dict[str, t.Any]]:
    return {
        "operation": {"type": "str"},
        "operation_duration": {"type": "int", "default": DURATION_SECONDS},
    }


class ControllerAction(ActionBase):
    """One piece of work, done in the controller. Subclasses say their ``SPEC`` and do ``step``."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {}
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        self.variables = task_vars or {}
        if self.by_module():
            result.update(self._execute_module(task_vars=task_vars))
            return result
        _validation, self.params = self.validate_argument_spec(argument_spec=self.spec())
        try:
            result.update(self.step())
        except Error as error:
            result.update(self.failure(error))
        return result

    def by_module(self) -> bool:
        """Whether the module of the same name does the work instead, on the task's own machine."""
        return False

    def elsewhere(self) -> bool:
        """The task is for another machine than this one."""
        return bool(self._connection.transport != "local")

    def spec(self) -> dict[str, dict[str, t.Any]]:
        return self.SPEC

    def step(self) -> Result:
        raise NotImplementedError

    def failure(self, error: Error) -> Result:
        return {"failed": True, "msg": str(error)}

    def say(self, text: str) -> None:
        Display().display(f"{self.variables.get('inventory_hostname', 'localhost')}: {text}")


class ClusterAction(ControllerAction):
    """One step on a release."""

    def spec(self) -> dict[str, dict[str, t.Any]]:
        return {**kubernetes_options(), **self.SPEC}

    def failure(self, error: Error) -> Result:
        return {"failed": True, "msg": f"{self.params.get('name') or self._task.action}: {error}"}

    def client(self, seconds: float) -> Client:
        return Client(connect(self.options()), Deadline(seconds))

    def options(self) -> dict[str, t.Any]:
        return with_environment(self.params)

    def operation(self, client: Client, name: str, *, reason: str = "", duration: int | None = None) -> Operation:
        """The lease of release ``name`` for this run: its identity is the process that runs the playbook, our parent."""
        owner = _holder.me(os.getppid(), self.variables, reason)
        return Operation(client, self.params["namespace"], f"inference-vllm-{name}", owner, duration=duration or self.params["operation_duration"])

    def renewal(self, client: Client) -> t.Callable[[], None]:
        """Renews the operation that the task names; nothing when it names none, or in check mode."""
        if not self.params.get("operation") or self._task.check_mode:
            return lambda: None
        return self.operation(client, self.params["operation"]).renew
