# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._errors import Error
from ..module_utils.capacity import _look, _request
from ..module_utils.capacity._options import FAILURES, OPTIONS
from ..module_utils.cluster._connection import connect
from ..plugin_utils._controller import ClusterAction, Result


class ActionModule(ClusterAction):
    """Runs the module; with ``wait`` it looks itself, so that a person (and AWX, which kills silent jobs) can read what is waited for."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = OPTIONS

    def by_module(self) -> bool:
        return not boolean(self._task.args.get("wait", False), strict=False)

    def step(self) -> Result:
        request = _request.request(self.params)
        result = _look.until(connect(self.options()), request, self.params, self.say)
        failed = FAILURES.get(result.get("fits", "")) in self.params["fail_on"]
        return {**result, "changed": False, **({"failed": True, "msg": result["message"]} if failed else {})}

    def failure(self, error: Error) -> Result:
        return {"failed": True, "msg": str(error)}
