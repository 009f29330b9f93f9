# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The front door of a module: AnsibleModule round one ``Spec`` and one ``run``."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule

from ._actor import actor
from ._errors import Error
from ._spec import Context, Result, RunFunction, Spec


def serve(spec: Spec, run: RunFunction) -> None:
    """The whole of a module's ``main``."""
    module = AnsibleModule(supports_check_mode=True, **spec.arguments())
    context = Context(check_mode=module.check_mode, warn=module.warn, actor=actor({}), pid=os.getpid())
    try:
        result = run(module.params, context)
    except Error as error:
        result = failure(error)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def failure(error: Error) -> Result:
    """An error as a task's result."""
    return {**error.result, "failed": True, "msg": str(error), "code": error.code}
