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
from ._subject import Subject


def check(subjects: t.Sequence[Subject]) -> Finding:
    if len(subjects) < 2:
        return skipped("there is one server, so there is nothing to compare")
    found = {subject.session.way.pod or subject.session.way.where: fingerprint(subject) for subject in subjects}
    return compare(found)


def fingerprint(subject: Subject) -> str:
    """Version, context and configuration, as far as the server tells them."""
    listed = _answers.require_ok(subject.session.ask("GET", "/v1/models", seconds=subject.seconds), "/v1/models")
    entries = [entry for entry in listed.get("data") or () if isinstance(entry, dict) and entry.get("id") == subject.ask.model]
    told = [f"max_model_len {entries[0].get('max_model_len')}" if entries else "not served"]
    if subject.ask.kind != "embedding":
        asked = body(subject.ask.kind, subject.ask.model, "a", 1)
        reply = _answers.require_ok(subject.session.ask("POST", PATHS[subject.ask.kind], asked, seconds=subject.seconds), "a generation")
        if not reply.get("system_fingerprint"):
            raise ProbeError("answer", "it tells no system_fingerprint")
        told.append(shown(reply["system_fingerprint"], 80))
    return ", ".join(told)


def compare(found: t.Mapping[str, str]) -> Finding:
    """``found``: what each server told. The rarest answer is taken for the odd one."""
    counts = collections.Counter(found.values())
    if len(counts) == 1:
        return passed(f"all {len(found)} servers run one configuration", dict(found), next(iter(counts)))
    usual = counts.most_common(1)[0][0]
    odd = next(name for name, told in found.items() if told != usual)
    return failed(f"{odd} runs another configuration ({found[odd]}) than the others ({usual})", dict(found), usual)
