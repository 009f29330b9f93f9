# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry_info``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from . import _table
from ._options import registry_options
from ._query import query_options, read
from ._store import plain
from ._target import target

SPEC = Spec({**registry_options(), **query_options()})


def run(params: Params, _context: Context) -> Result:
    if params["what"] == "status":
        entries = _table.read(target(params), params)
        return {"changed": False, "status": plain(entries), "table": _table.table(entries)}
    return {"changed": False, params["what"]: plain(read(target(params), params))}
