# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_registry_schema``: what it takes and what it does."""

from __future__ import annotations

from .._spec import Context, Params, Result, Spec
from ._database import database
from ._migrate import migrate, schema_options
from ._migrations import load
from ._options import registry_options

SPEC = Spec({**registry_options(), **schema_options()}, required_if=(("state", "version", ["version"]),))


def run(params: Params, context: Context) -> Result:
    done = migrate(
        database(params),
        load(params["path"]),
        params["version"] if params["state"] == "version" else None,
        table=params["migrations_table"],
        allow_down=params["allow_down"],
        check_mode=context.check_mode,
    )
    applied = [step.as_result() for step in done.steps]
    diff = {"before": {"version": done.before}, "after": {"version": done.after}}
    return {"changed": bool(applied), "version": done.after, "previous_version": done.before, "applied": applied, "diff": diff}
