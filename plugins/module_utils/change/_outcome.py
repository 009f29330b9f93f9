# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What was done, and what serves now as it was observed: the last word of a run about one model. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._document import Json
from ._evidence import Evidence
from ._plan import Plan

ResultName = t.Literal["unchanged", "changed", "planned", "rolled_back", "failed"]


@dataclasses.dataclass(frozen=True)
class Serving:
    """What was observed after the run: which content is live, how many of its pods are ready, and whether the endpoint generated."""

    revision: str = ""
    bundle: str = ""
    release_revision: int = 0
    ready: int = 0
    wanted: int = 0
    verdict: t.Literal["pass", "fail", "inconclusive", ""] = ""

    def words(self) -> str:
        """The end of a sentence about what serves; it says only what was seen."""
        if not self.release_revision:
            return "what is deployed could not be read" if self.verdict == "inconclusive" else "nothing is deployed"
        place = f"revision {self.revision or 'without a name'} (Helm revision {self.release_revision})"
        if not self.wanted:
            return f"{place} is deployed with 0 replicas"
        pods = f"{self.ready} of {self.wanted} pods ready"
        answers = {"pass": "and generates", "fail": "and does not generate", "inconclusive": "and whether it generates could not be observed", "": ""}
        return f"{place} is live with {pods} {answers[self.verdict]}".rstrip()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``code`` says how it ended (one of the table of codes), ``message`` the same in a sentence, ``next_step`` what to do; ``phases`` are seconds."""

    result: ResultName
    code: str
    message: str
    plan: Plan | None = None
    evidence: Evidence | None = None
    release_revision: int = 0
    event_ids: tuple[int, ...] = ()
    phases: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    serving: Serving | None = None
    status: str = ""
    latency: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    next_step: str = ""

    def document(self) -> Json:
        where = self.plan.where.document() if self.plan else {}
        return {
            **where,
            "result": self.result,
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "change": self.plan.action if self.plan else "none",
            "reason": self.plan.reason if self.plan else "",
            "revision": self.plan.revision if self.plan else "",
            "bundle": self.plan.bundle.digest if self.plan else "",
            "replicas": self.plan.workload.replicas if self.plan else None,
            "gpus": self.plan.workload.gpus * (self.plan.workload.wanted if self.plan.workload.replicas != 0 else 0) if self.plan else 0,
            "release_revision": self.release_revision,
            "status": self.status,
            "verdict": self.evidence.verdict if self.evidence else "",
            "latency": dict(self.latency),
            "event_ids": list(self.event_ids),
            "seconds": {name: round(value, 3) for name, value in self.phases.items()},
            "serving": dataclasses.asdict(self.serving) if self.serving else None,
        }
