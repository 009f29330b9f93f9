# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What brings a release from what is recorded and live to what is rendered. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import Error
from ..change._plan import ActionName, Change
from . import _history
from ._history import Revision


class OtherChartError(Error):
    """A release of that name belongs to another chart."""

    code = "other_chart"


@dataclasses.dataclass(frozen=True)
class Decision:
    """``forget`` are Helm's records that must go first; ``code`` and ``reason`` say why something is to be done, or that nothing is."""

    action: ActionName
    code: str
    reason: str
    changes: tuple[Change, ...]
    forget: tuple[int, ...] = ()


def decide(history: t.Sequence[Revision], recorded: t.Sequence[Change], live: t.Sequence[Change], content: str) -> Decision:
    """``recorded``: rendered against Helm's record. ``live``: against what a dry run would change. ``content``: digest of the values to come."""
    deployed, newest, stuck = _history.deployed(history), _history.latest(history), _history.stuck(history)
    changes = merged(recorded, live)
    forget = tuple(revision.number for revision in stuck)
    if newest is None:
        return Decision("install", "not_installed", "the release does not exist", changes)
    action: ActionName = "upgrade" if deployed or any(revision.status in ("superseded", "failed") for revision in history) else "install"
    if stuck:
        return Decision(action, "interrupted", f"revision {stuck[-1].number} was left {stuck[-1].status} by an interrupted run", changes, forget)
    if deployed is None:
        return Decision(action, "never_deployed", f"no revision is deployed; the last one ({newest.number}) is {newest.status}", changes)
    if newest.number != deployed.number and newest.status == "failed":
        return Decision("upgrade", "last_failed", f"revision {newest.number} failed: {newest.description}", changes)
    if recorded:
        return Decision("upgrade", "changed", "; ".join(change.words() for change in changes), changes)
    if live:
        return Decision("upgrade", "drift", "the cluster differs from the release: " + "; ".join(change.words() for change in live), changes)
    if deployed.content != content:
        return Decision("upgrade", "values_only", "the values differ, the manifest does not", changes)
    return Decision("none", "as_planned", f"revision {deployed.number} is deployed as planned", changes)


def merged(recorded: t.Sequence[Change], live: t.Sequence[Change]) -> tuple[Change, ...]:
    """One change an object: what the cluster says comes before what Helm remembers, since that is what will happen."""
    seen = {(change.kind, change.name): change for change in recorded}
    seen.update({(change.kind, change.name): change for change in live})
    return tuple(seen[key] for key in sorted(seen))


def check_chart(history: t.Sequence[Revision], chart: str, name: str, namespace: str) -> None:
    """Raises OtherChartError: applying our chart over another one's release would delete what it made, its volumes too."""
    newest = _history.latest(history)
    if newest is not None and newest.chart_name != chart:
        raise OtherChartError(
            f"release {namespace}/{name} was installed from the chart {newest.chart}, not {chart}, so it belongs to somebody else; "
            "set vllm_release to another name, or uninstall it yourself"
        )
