# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rows of the registry as the plans see them. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._status import ROUTABLE

Row = dict[str, t.Any]

#: The weight of a revision that has all of its model's traffic.
WHOLE = 100

#: The columns whose change counts; the database's triggers know the same ones.
COUNTED = (
    "display_name",
    "input_cost_per_token",
    "output_cost_per_token",
    "deployment_endpoint",
    "deployment_status",
    "deployment_namespace",
    "deployment_revision",
    "deployment_bundle",
    "deployment_release",
    "deployment_weight",
    "deployment_reason",
    "deployment_kind",
    "deployment_degraded_by",
)


@dataclasses.dataclass(frozen=True)
class Write:
    """One row before and after; no before: insert, no after: delete."""

    before: Row | None
    after: Row | None

    def counts(self) -> bool:
        before, after = self.before, self.after
        return before is None or after is None or any(before.get(column) != after.get(column) for column in COUNTED)


def status(row: Row | None) -> str:
    """Empty for no row, and for a row of the platform that has none."""
    return str(row["deployment_status"] or "") if row else ""


def routable(row: Row | None) -> bool:
    return status(row) in ROUTABLE


def weight(row: Row) -> int:
    return WHOLE if row["deployment_weight"] is None else int(row["deployment_weight"])


def managed(row: Row | None) -> bool:
    """The registry keeps it; else it is the platform's own."""
    return row is not None and row["deployment_id"] is not None


def listed(rows: t.Sequence[Row]) -> str:
    return ", ".join(f"{row['deployment_revision']} ({status(row)})" for row in rows) or "none"
