# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What was verified, and of what: evidence without its subject proves nothing. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._document import Json, Reader
from ._plan import Plan

VerdictName = t.Literal["pass", "fail", "inconclusive"]
SourceName = t.Literal["probe", "prometheus", "registry", "evaluation"]
VERDICTS: tuple[VerdictName, ...] = ("pass", "fail", "inconclusive")
SOURCES: tuple[SourceName, ...] = ("probe", "prometheus", "registry", "evaluation")


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the evidence is about, read from what was looked at: never from what was asked for."""

    model: str
    namespace: str
    release: str
    bundle: str
    template_hash: str

    def document(self) -> Json:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """``verdicts`` are check and gate entries, ``taken_at`` is by the database's clock once it is recorded (empty before)."""

    subject: Subject
    source: SourceName
    verdict: VerdictName
    code: str
    message: str
    verdicts: tuple[Json, ...] = ()
    taken_at: str = ""

    def document(self) -> Json:
        return {
            "subject": self.subject.document(),
            "source": self.source,
            "verdict": self.verdict,
            "code": self.code,
            "message": self.message,
            "verdicts": list(self.verdicts),
            "taken_at": self.taken_at,
        }


def read(document: t.Any) -> Evidence:
    """The inverse of ``document``; raises InputError."""
    given = Reader(document, "evidence")
    subject = Reader(given.map("subject"), "evidence.subject")
    return Evidence(
        subject=Subject(*(subject.text(name) for name in ("model", "namespace", "release", "bundle", "template_hash"))),
        source=t.cast(SourceName, given.choice("source", SOURCES)),
        verdict=t.cast(VerdictName, given.choice("verdict", VERDICTS)),
        code=given.text("code"),
        message=given.text("message"),
        verdicts=tuple(given.maps("verdicts")),
        taken_at=given.text("taken_at"),
    )


def mismatch(evidence: Evidence, plan: Plan) -> str:
    """The field in which the evidence is about something else than the plan, with both values; empty when it is about the plan."""
    subject, where = evidence.subject, plan.where
    pairs = {
        "model": (subject.model, where.model),
        "namespace": (subject.namespace, where.namespace),
        "release": (subject.release, where.release),
        "bundle": (subject.bundle, plan.bundle.digest),
    }
    return next((f"{name} {seen} instead of {planned}" for name, (seen, planned) in pairs.items() if seen != planned), "")
