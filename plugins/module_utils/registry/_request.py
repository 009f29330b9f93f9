# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a run of vllm_registry asks for, refused in words before anything is read. Pure."""

from __future__ import annotations

import dataclasses
import decimal
import json
import re
import typing as t

from .._errors import InputError
from ._status import STATUSES

ENVIRONMENTS = ("development", "staging", "production")
#: What a model does; an entry without a kind is probed as chat.
KINDS = ("chat", "completion", "embedding")
#: What may call an entry degraded and, later, ready again. A person is none of them.
DEGRADED_BY = ("health_check", "reconcile")
#: What evidence and a registration may both name; what one of them does not know is not compared.
SUBJECT = ("model", "environment", "namespace", "release", "bundle")

#: Option to column, for the columns whose change counts; the others are written with such a change only.
ESSENTIAL = {
    "endpoint": "deployment_endpoint",
    "namespace": "deployment_namespace",
    "bundle": "deployment_bundle",
    "display_name": "display_name",
    "input_cost_per_token": "input_cost_per_token",
    "output_cost_per_token": "output_cost_per_token",
    "release": "deployment_release",
    "kind": "deployment_kind",
}
ACCOMPANYING = {"bundle_content": "deployment_bundle_content", "release_revision": "deployment_release_revision"}

_PATTERNS = {
    "model": (r"[A-Za-z0-9](?:[A-Za-z0-9._/:-]{0,251}[A-Za-z0-9])?", "letters, digits, '.', '_', '-', '/' and ':', at most 253"),
    "revision": (r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}", "letters, digits, '.', '_', '+' and '-', at most 128"),
    "bundle": (r"sha256:[0-9a-f]{64}", "sha256: and 64 hexadecimal digits"),
    "namespace": (r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "a Kubernetes namespace"),
    "release": (r"[a-z0-9](?:[a-z0-9.-]{0,51}[a-z0-9])?", "a Helm release name, at most 53 characters"),
    "git_commit": (r"[0-9a-f]{7,64}", "7 to 64 hexadecimal digits"),
    "endpoint": (
        r"(?:https?://)?(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,1024})?",
        "host:port or an http(s) URL without user and query",
    ),
}
_TEXTS = {"display_name": 256, "reason": 1000, "actor": 256, "correlation_id": 256, "organization": 256}


STATES = ("present", "absent", "enabled", "disabled")


def entry_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry beside those of the connection."""
    return {
        "model": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "organization": {"type": "str"},
        "revision": {"type": "str"},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
        "status": {"type": "str", "choices": list(STATUSES), "default": "ready"},
        **{name: {"type": "str"} for name in ("endpoint", "namespace", "bundle", "display_name", "release", "reason", "actor", "correlation_id", "git_commit")},
        "kind": {"type": "str", "choices": list(KINDS)},
        **{name: {"type": "dict"} for name in ("bundle_content", "verification")},
        "record_verification": {"type": "bool", "default": False},
        **{name: {"type": "float", "no_log": False} for name in ("input_cost_per_token", "output_cost_per_token")},
        **{name: {"type": "int"} for name in ("weight", "release_revision", "expected_version")},
    }


@dataclasses.dataclass(frozen=True)
class EntryRequest:
    """``columns`` holds what was given of the essential columns, ``accompanying`` of the others, ``said`` what only the event keeps.
    ``degraded_by`` is no option: health checks and reconciliations set it for themselves."""

    state: str
    model: str
    environment: str
    revision: str | None = None
    organization: str | None = None
    status: str = "ready"
    weight: int | None = None
    reason: str | None = None
    expected_version: int | None = None
    degraded_by: str | None = None
    record_verification: bool = False
    columns: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    accompanying: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    said: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def subject(self) -> str:
        return f"{self.model} in {self.environment}"


def request(params: t.Mapping[str, t.Any]) -> EntryRequest:
    for name in _PATTERNS:
        _check_pattern(name, params.get(name))
    if params.get("organization") == "":
        raise InputError("organization '' is refused: leave it out for the default one")
    for name, longest in _TEXTS.items():
        _check_text(name, params.get(name), longest)
    _check_numbers(params)
    _check_evidence(params)
    state, revision = params["state"], params.get("revision")
    if state == "present" and not revision:
        raise InputError(f"state present needs revision: the name of the bundle that {params['model']} runs")
    columns = {column: _value(params[option]) for option, column in ESSENTIAL.items() if params.get(option) is not None}
    if state != "present" and columns:
        raise InputError(
            f"state {state} takes no {', '.join(sorted(option for option, column in ESSENTIAL.items() if column in columns))}: those belong to state present"
        )
    return EntryRequest(
        state=state,
        model=params["model"],
        environment=params["environment"],
        revision=revision,
        organization=params.get("organization"),
        status=params.get("status") or "ready",
        weight=params.get("weight"),
        reason=params.get("reason") or None,
        expected_version=params.get("expected_version"),
        degraded_by=params.get("degraded_by"),
        record_verification=state == "present" and bool(params.get("record_verification") and params.get("verification")),
        columns=columns,
        accompanying={column: _json(params[option]) for option, column in ACCOMPANYING.items() if params.get(option) is not None},
        said={name: params[name] for name in ("actor", "correlation_id", "git_commit", "verification") if params.get(name) is not None},
    )


def _check_pattern(name: str, value: str | None) -> None:
    if value is None:
        return
    pattern, words = _PATTERNS[name]
    if not re.fullmatch(pattern, value):
        raise InputError(f"{name} {_shown(value)} is refused: {words}")
    if name == "endpoint":
        port = re.search(r":([0-9]+)(?:/|$)", value.removeprefix("http://").removeprefix("https://").rpartition("]")[2])
        if port and not 0 < int(port[1]) < 65536:
            raise InputError(f"endpoint {_shown(value)} is refused: its port is not between 1 and 65535")


def _check_text(name: str, value: str | None, longest: int) -> None:
    if value is None:
        return
    if len(value) > longest:
        raise InputError(f"{name} {_shown(value)} is refused: {len(value)} characters, at most {longest}")
    if any(not character.isprintable() for character in value):
        raise InputError(f"{name} {_shown(value)} is refused: control characters, line breaks and halves of characters are not stored")


def _check_numbers(params: t.Mapping[str, t.Any]) -> None:
    weight = params.get("weight")
    if weight is not None and not 0 <= weight <= 100:
        raise InputError(f"weight {weight} is refused: percent, 0 to 100")
    for name in ("input_cost_per_token", "output_cost_per_token"):
        cost = params.get(name)
        if cost is not None and not 0 <= cost < 1e9:
            raise InputError(f"{name} {cost} is refused: a price of at least 0")


def _check_evidence(params: t.Mapping[str, t.Any]) -> None:
    """What makes an entry routable must have passed, and be about this entry."""
    verification = params.get("verification")
    if verification is None or params["state"] != "present" or (params.get("status") or "ready") != "ready":
        return
    model, verdict, subject = params["model"], verification.get("verdict"), verification.get("subject") or {}
    if verdict != "pass":
        raise InputError(f"{model} is not registered as ready: its verification's verdict is {_shown(str(verdict))}, not pass", code="evidence_mismatch")
    if not isinstance(subject, dict):
        raise InputError(f"{model} is not registered as ready: the subject of its verification is no dictionary", code="evidence_mismatch")
    for name in SUBJECT:
        verified, asked = subject.get(name), params.get(name)
        if verified and asked and verified != asked:
            raise InputError(
                f"{model} is not registered as ready: its verification is about {name} {_shown(str(verified))}, the registration about {_shown(str(asked))}; "
                "verify what is to be registered",
                code="evidence_mismatch",
            )


def _value(value: t.Any) -> t.Any:
    return decimal.Decimal(repr(value)) if isinstance(value, float) else value


def _json(value: t.Any) -> t.Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def _shown(value: str) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
