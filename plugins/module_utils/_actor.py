# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who acts: the one place that knows how AWX names its job, its user and its commit. Pure, but for the name of the system's user."""

from __future__ import annotations

import dataclasses
import getpass
import os
import typing as t

#: AWX calls its variables awx_*, older ones and AAP also tower_*.
_PREFIXES = ("awx", "tower")


@dataclasses.dataclass(frozen=True)
class Actor:
    """``user`` acts, in AWX by ``job``; ``commit`` is the revision of the AWX project. Empty where it is not known."""

    user: str = ""
    job: str = ""
    commit: str = ""


def actor(variables: t.Mapping[str, t.Any]) -> Actor:
    """From the task's variables (``awx_user_name``, ``awx_job_id``, ``awx_project_revision``), else the user of this process."""
    return Actor(_named(variables, "user_name") or _system_user(), _named(variables, "job_id"), _named(variables, "project_revision"))


def _named(variables: t.Mapping[str, t.Any], name: str) -> str:
    return next((str(variables[f"{prefix}_{name}"]) for prefix in _PREFIXES if variables.get(f"{prefix}_{name}")), "")


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
