# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Proves on the release's newest pods that the model generates, and says of what that is evidence."""

from __future__ import annotations

import typing as t

from .._errors import Error
from ..change import _evidence
from ..change._evidence import Evidence, Subject, VerdictName
from ..change._plan import Plan
from ..release import _live
from ..release._manifest import Objects
from ..verification import _module as verification
from ._work import Work

BUNDLE = "inference.vllm/bundle"


class VerificationError(Error):
    """The new pods do not pass; ``result`` has the whole verification."""

    code = "verification_failed"


def verify(work: Work, plan: Plan, rendered: Objects) -> tuple[Evidence, dict[str, t.Any]]:
    """The evidence, and the verification as the registry keeps it. Raises VerificationError unless it is a pass about this very plan."""
    params = work.request.params
    result = _measure(work, plan.where.model, samples=params["verify_samples"], concurrency=params["verify_concurrency"], gates=params["gates"])
    evidence = _as_evidence(result)
    if evidence.verdict != "pass":
        raise VerificationError(str(result["message"]), code="verification_failed" if evidence.verdict == "fail" else "verification_inconclusive")
    wrong = _evidence.mismatch(evidence, plan) or _other_template(work, rendered)
    if wrong:
        raise VerificationError(
            f"what was verified is not what was planned: {wrong}; somebody changed the release meanwhile, run again", code="evidence_mismatch"
        )
    return evidence, result


def _other_template(work: Work, rendered: Objects) -> str:
    """The Deployment's annotation names the bundle whatever somebody wrote into its pods by hand: those are compared too."""
    key = ("Deployment", work.name)
    live = _live.look(work.client(), {key: rendered[key]}, work.namespace, {key: rendered[key]})
    return "pods that were changed by hand" if live.replaces_pods(work.name) else ""


def observe(work: Work, model: str) -> VerdictName:
    """Whether what is live generates now: one answer, nothing measured."""
    try:
        result = _measure(work, model, samples=0, concurrency=1, gates={})
    except Error:
        return "inconclusive"
    return t.cast(VerdictName, result["verdict"])


def _measure(work: Work, model: str, *, samples: int, concurrency: int, gates: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    params = work.request.params
    return work.call(
        verification.SPEC,
        verification.run,
        via="port_forward",
        namespace=work.namespace,
        deployment=work.name,
        pods="new",
        model=model,
        kind=params["kind"],
        key_required=True if params["api_key_secret"] else None,
        samples=samples,
        concurrency=concurrency,
        max_tokens=params["verify_max_tokens"],
        gates=dict(gates),
        timeout=params["verify_timeout"],
        fail_on=[],
    )


def _as_evidence(result: t.Mapping[str, t.Any]) -> Evidence:
    """The subject is read from the pods that were verified, by the verification itself."""
    seen = result.get("subject") or {}
    subject = Subject(**{name: str(seen.get(name) or "") for name in ("model", "namespace", "release", "bundle", "template_hash")})
    entries = (*result.get("checks", ()), *result.get("gates", ()))
    return Evidence(subject, "probe", result["verdict"], str(result["code"]), str(result["message"]), entries)
