# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Decides what a deploy does to a release. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from . import _history, _manifest
from ._history import Revision

Change = t.Literal["install", "upgrade", "none"]
Recovery = t.Literal["rollback", "uninstall"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """``recovery`` must be done first, with the release lock in hand; ``reason`` says why the change is needed."""

    change: Change
    reason: str
    recovery: Recovery | None
    recovery_revision: int | None


def decide(history: t.Sequence[Revision], manifest: str, values: dict[str, t.Any]) -> Plan:
    """What brings the release from ``history`` to ``manifest`` rendered from ``values``."""
    stuck = _history.pending(history)
    live = _history.deployed(history)
    recovery: Recovery | None = None
    target: int | None = None
    if stuck is not None:
        # Helm rolls back pending-upgrade and pending-rollback; a pending-install has nothing to go back to.
        recovery, target = ("rollback", live.number) if live else ("uninstall", None)
        return Plan("upgrade" if live else "install", f"revision {stuck.number} was left {stuck.status} by an interrupted run", recovery, target)
    newest = _history.latest(history)
    if live is None:
        if newest is None:
            return Plan("install", "the release does not exist", None, None)
        return Plan("upgrade", f"no revision is deployed; the last one ({newest.number}) is {newest.status}", None, None)
    if newest is not None and newest.number != live.number and newest.status == "failed":
        return Plan("upgrade", f"revision {newest.number} failed: {newest.description}", None, None)
    if not _manifest.same(live.manifest, manifest):
        return Plan("upgrade", "; ".join(_manifest.summary(live.manifest, manifest)), None, None)
    if live.values != values:
        return Plan("upgrade", "the values differ, the manifest does not", None, None)
    return Plan("none", f"revision {live.number} is deployed as planned", None, None)
