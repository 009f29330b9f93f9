# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a health check makes of an entry: degraded after so many failures, back when it answers, out only beside one that is well. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._request import DEGRADED_BY
from ._row import Row, status, weight

Verdict = t.Literal["pass", "fail", "inconclusive"]


@dataclasses.dataclass(frozen=True)
class Probed:
    """What probing an entry showed; ``failures`` is how often it failed in this run, before it passed or was given up. ``code`` is empty when it passed."""

    verdict: Verdict
    message: str
    failures: int = 0
    code: str = ""


@dataclasses.dataclass(frozen=True)
class HealthPolicy:
    """After how many failures in a row an entry is degraded, and taken out of the routing (0: never)."""

    degrade_after: int = 3
    fail_after: int = 0
    force: bool = False


@dataclasses.dataclass(frozen=True)
class HealthStep:
    """``failures`` is the new count (None: nothing was found out, nothing is written); ``becomes`` the new status, empty when it stays."""

    entry: Row
    probed: Probed
    failures: int | None
    becomes: str = ""
    reason: str = ""
    note: str = ""


def decide(probes: t.Sequence[tuple[Row, Probed]], policy: HealthPolicy) -> list[HealthStep]:
    """One step for each entry. The entries are the ready and degraded ones; those of one model are judged together."""
    steps = [_step(entry, probed, policy) for entry, probed in probes]
    healthy = {_scope(step.entry) for step in steps if step.probed.verdict == "pass" and weight(step.entry) > 0}
    return [_spared(step, policy) if step.becomes == "failed" and not policy.force and _scope(step.entry) not in healthy else step for step in steps]


def _step(entry: Row, probed: Probed, policy: HealthPolicy) -> HealthStep:
    before = int(entry.get("deployment_health_failures") or 0)
    if probed.verdict == "inconclusive":
        return HealthStep(entry, probed, None)
    if probed.verdict == "pass":
        # What a person called degraded, a person calls ready.
        ours = status(entry) == "degraded" and entry["deployment_degraded_by"] in DEGRADED_BY
        return HealthStep(entry, probed, 0, "ready" if ours else "")
    failures = before + max(1, probed.failures)
    reason = _reason(failures, probed)
    if policy.fail_after and failures >= policy.fail_after:
        return HealthStep(entry, probed, failures, "failed", reason)
    degrades = failures >= policy.degrade_after and status(entry) == "ready"
    return HealthStep(entry, probed, failures, "degraded" if degrades else "", reason if degrades else "")


def _spared(step: HealthStep, policy: HealthPolicy) -> HealthStep:
    """Without another that answers, requests would be refused for certain instead of perhaps."""
    note = (
        f"{step.entry['model_name']} in {step.entry['deployment_environment']} stays routable although revision "
        f"{step.entry['deployment_revision']} failed {step.failures} times: no other revision of it answers and has traffic; force removes it"
    )
    degrades = status(step.entry) == "ready" and (step.failures or 0) >= policy.degrade_after
    return dataclasses.replace(step, becomes="degraded" if degrades else "", reason=step.reason if degrades else "", note=note)


def _reason(failures: int, probed: Probed) -> str:
    """Fits the entry's column, whatever the endpoint said."""
    times = "once" if failures == 1 else f"{failures} times"
    text = f"health check: failed {times} in a row: {probed.message}"
    return "".join(character if character.isprintable() else " " for character in text)[:500]


def _scope(entry: Row) -> tuple[t.Any, ...]:
    return entry["model_name"], entry["deployment_environment"], entry["organization_id"]
