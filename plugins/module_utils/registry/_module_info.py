# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry_info``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from . import _status_table
from ._database import database
from ._options import registry_options
from ._query import query_options, read
from ._sql import plain

SPEC = Spec({**registry_options(), **query_options()})


def run(params: Params, context: Context) -> Result:
    if params["what"] == "status":
        entries = _status_table.read(database(params), params)
        table = _status_table.table(entries)
        if params["print_table"]:
            # In one piece, below the name of the host: any other way of Ansible's puts quotes or dashes before each line.
            context.say(f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}\n{table}")
        return {"changed": False, "status": plain(entries), "table": table}
    return {"changed": False, params["what"]: plain(read(database(params), params))}
