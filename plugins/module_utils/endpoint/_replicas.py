# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Do all replicas run one configuration? vLLM's ``system_fingerprint`` is a hash of it."""

from __future__ import annotations

import collections
import typing as t

from . import _answers
from ._bodies import PATHS, body
from ._errors import ProbeError, shown
from ._finding import Finding, failed, passed, skipped
from ._subject import CheckSubject


def check(subjects: t.Sequence[CheckSubject]) -> Finding:
    if len(subjects) < 2:
        return skipped("there is only one server, so there is nothing to compare", code="not_applicable")
    found = {subject.session.transport.pod or subject.session.transport.where: fingerprint(subject) for subject in subjects}
    return compare(found)


def fingerprint(subject: CheckSubject) -> str:
    """Version, context length and configuration, as far as the server reports them."""
    listed = _answers.require_ok(subject.session.ask("GET", "/v1/models", seconds=subject.seconds), "/v1/models")
    entries = [entry for entry in listed.get("data") or () if isinstance(entry, dict) and entry.get("id") == subject.ask.model]
    reported = [f"max_model_len {entries[0].get('max_model_len')}" if entries else "not served"]
    if subject.ask.kind != "embedding":
        asked = body(subject.ask.kind, subject.ask.model, "a", 1)
        reply = _answers.require_ok(subject.session.ask("POST", PATHS[subject.ask.kind], asked, seconds=subject.seconds), "a generation")
        if not reply.get("system_fingerprint"):
            raise ProbeError("answer", "the server reports no system_fingerprint")
        reported.append(shown(reply["system_fingerprint"], 80))
    return ", ".join(reported)


def compare(found: t.Mapping[str, str]) -> Finding:
    """``found``: what each server reported. The least frequent report is the odd one."""
    counts = collections.Counter(found.values())
    if len(counts) == 1:
        return passed(f"all {len(found)} servers run the same configuration", dict(found), next(iter(counts)))
    usual = counts.most_common(1)[0][0]
    odd = next(name for name, report in found.items() if report != usual)
    return failed(f"{odd} runs another configuration ({found[odd]}) than the others ({usual})", dict(found), usual, code="replicas_differ")
