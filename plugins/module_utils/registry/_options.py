# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The connection options of the registry's modules; named like community.postgresql's, without its aliases. Fragment: ``_registry``."""

from __future__ import annotations

import re
import typing as t

from .._spec import Context, Params


def registry_options() -> dict[str, dict[str, t.Any]]:
    return {
        "login_host": {"type": "str"},
        "login_port": {"type": "int"},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_db": {"type": "str"},
        "service": {"type": "str"},
        "ssl_mode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
        "ca_cert": {"type": "path", "aliases": ["ssl_rootcert"]},
        "ssl_cert": {"type": "path"},
        "ssl_key": {"type": "path", "no_log": False},
        "schema": {"type": "str", "default": "public"},
        "timeout": {"type": "float", "default": 15.0},
    }


def with_actor(params: Params, context: Context) -> dict[str, t.Any]:
    """``params`` with who acts, from AWX or the system, where no option says it. A project revision that is no commit is left out."""
    acts = context.actor
    commit = acts.commit if re.fullmatch(r"[0-9a-f]{7,64}", acts.commit) else ""
    known = {"actor": acts.user, "correlation_id": acts.job, "git_commit": commit}
    return {**params, **{name: value for name, value in known.items() if name in params and value and not params[name]}}
