# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The front door of an action plugin: it runs in the controller, where a person or AWX reads its progress."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._actor import actor
from ..module_utils._errors import Error
from ..module_utils._module import failure
from ..module_utils._spec import Context, Params, Result, Spec

#: How ansible-core begins the line in which it repeats all options of a task, at ANSIBLE_DEBUG, those with no_log too.
_REPEATED = "done with _execute_module"


class ModuleAction(ActionBase):
    """Runs the module of the same name where the connection leads, and keeps its options out of ansible-core's debug output."""

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        result.update(self._execute_module(task_vars=task_vars))
        return result

    def _execute_module(self, *arguments: t.Any, **options: t.Any) -> Result:
        with _options_hidden():
            return t.cast(Result, super()._execute_module(*arguments, **options))


class ControllerAction(ModuleAction):
    """``SPEC`` and ``RUN`` are those of the module of the same name; an action that has no module of its own work is ``ALWAYS_HERE``."""

    SPEC: t.ClassVar[Spec]
    RUN: t.ClassVar[staticmethod[[Params, Context], Result]]
    ALWAYS_HERE: t.ClassVar[bool] = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        self.variables = task_vars or {}
        if not self.ALWAYS_HERE and self._connection.transport != "local":
            return super().run(tmp, task_vars)
        result: Result = ActionBase.run(self, tmp, task_vars)
        _validation, params = self.validate_argument_spec(**self.SPEC.arguments())
        try:
            result.update(type(self).RUN(params, self.context()))
        except Error as error:
            result.update(failure(error))
        return result

    def context(self) -> Context:
        """The run is the process that runs the playbook, our parent: all its tasks and hosts have it in common."""
        return Context(
            check_mode=self._task.check_mode,
            say=self.say,
            warn=Display().warning,
            actor=actor(self.variables),
            pid=os.getppid(),
            host=str(self.variables.get("inventory_hostname", "localhost")),
        )

    def say(self, text: str) -> None:
        """A line of progress. Where standard output is one document for a program, it goes to standard error."""
        Display().display(f"{self.variables.get('inventory_hostname', 'localhost')}: {text}", stderr=_is_document())


def _is_document() -> bool:
    """ansible.posix.json, ansible.posix.jsonl and the like print nothing else."""
    return "json" in str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK")).rpartition(".")[2]


@contextlib.contextmanager
def _options_hidden() -> t.Iterator[None]:
    display = Display()
    told = display.debug

    def debug(message: str, *arguments: t.Any, **options: t.Any) -> None:
        told(f"{_REPEATED}; its options are not shown" if message.startswith(_REPEATED) else message, *arguments, **options)

    # On the instance that ansible-core writes to, which in a worker is ours alone.
    display.debug = debug
    try:
        yield
    finally:
        del display.debug
