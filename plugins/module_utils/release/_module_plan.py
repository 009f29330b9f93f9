# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_release_plan``: what it takes and what it does."""

from __future__ import annotations

from .._deadline import Deadline
from .._spec import Context, Params, Result, Spec
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import kubernetes_options, with_environment
from . import _look
from ._helm import Helm

SPEC = Spec(
    {
        **kubernetes_options(),
        "name": {"type": "str", "required": True, "aliases": ["release_name"]},
        "namespace": {"type": "str", "required": True, "aliases": ["release_namespace"]},
        "chart_ref": {"type": "path", "required": True},
        "values": {"type": "dict", "default": {}, "aliases": ["release_values"]},
        "values_files": {"type": "list", "elements": "path", "default": []},
        "revision": {"type": "str", "default": ""},
        "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
        "binary_path": {"type": "path"},
        "timeout": {"type": "int", "default": 60},
    }
)


def run(params: Params, _context: Context) -> Result:
    names = ("name", "namespace", "chart_ref", "values", "revision", "strategy")
    request = _look.Request(**{name: params[name] for name in names}, values_files=tuple(params["values_files"]))
    _look.refuse_bad_input(request)
    deadline = Deadline(params["timeout"])
    connection = connect(with_environment(params))
    found = _look.look(Client(connection, deadline), Helm(connection, deadline, program=params["binary_path"]), request)
    return {"changed": False, **found, "duration": round(deadline.elapsed(), 3)}
