# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The outcomes of a run over many models as a table that a person reads. Pure."""

from __future__ import annotations

import typing as t

COLUMNS = ("MODEL", "RESULT", "REVISION", "CODE", "SECONDS", "NEXT STEP")


def table(outcomes: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """One line a host, failures last, where they are seen. ``outcomes`` is host to a result of vllm_apply."""
    found = sorted(outcomes.items(), key=lambda one: (_failed(one[1]), one[0]))
    lines = [list(COLUMNS), *([_plain(cell) for cell in _cells(host, result)] for host, result in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _cells(host: str, result: t.Mapping[str, t.Any]) -> list[str]:
    outcome = result.get("outcome") or {}
    seconds = sum((outcome.get("seconds") or {}).values())
    return [
        str(outcome.get("model") or host),
        str(outcome.get("result") or ("failed" if _failed(result) else "skipped")),
        str(outcome.get("revision") or "-"),
        str(result.get("code") or "-"),
        f"{seconds:.1f}" if seconds else "-",
        str(outcome.get("next_step") or ("correct it and run again" if _failed(result) else "-")),
    ]


def _failed(result: t.Mapping[str, t.Any]) -> bool:
    outcome = result.get("outcome")
    if outcome:
        return outcome["result"] in ("failed", "rolled_back")
    # The role tells of failures only after the table, so Ansible's own mark may be missing: a traceback has neither code nor outcome.
    return any(result.get(name) for name in ("code", "failed", "exception"))


def _plain(text: str) -> str:
    """What others wrote must not move the terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
