# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The statuses of an entry and the one table of legal changes. Pure; docs/registry.md shows the same table."""

from __future__ import annotations

from .._errors import InputError

#: Requests may be sent there.
ROUTABLE = ("ready", "degraded")

#: From each status (empty: no entry yet) to the statuses it may change to.
CHANGES: dict[str, tuple[str, ...]] = {
    "": ("pending", "deploying", "ready", "failed", "disabled"),
    "pending": ("deploying", "ready", "failed", "disabled", "superseded"),
    "deploying": ("ready", "failed", "disabled", "superseded"),
    "ready": ("deploying", "degraded", "failed", "disabled", "superseded"),
    "degraded": ("deploying", "ready", "failed", "disabled", "superseded"),
    "failed": ("pending", "deploying", "ready", "disabled", "superseded"),
    "disabled": ("ready", "superseded"),
    "superseded": ("deploying", "ready", "disabled"),
}

STATUSES = tuple(status for status in CHANGES if status)


def check_change(subject: str, old: str, new: str) -> None:
    """Raises InputError with the legal ones. An unknown old status is a platform's own: anything may follow."""
    legal = CHANGES.get(old, STATUSES)
    if new != old and new not in legal:
        raise InputError(
            f"{subject} cannot change from {old or 'no entry'} to {new}; from there it may become {', '.join(legal)}", code="illegal_status_change"
        )
