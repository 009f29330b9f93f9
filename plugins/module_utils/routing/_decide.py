# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Does an answer of a router show that it follows the registry? Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ..endpoint._answers import completion_tokens, embedding_size, error_words
from ..endpoint._errors import ProbeError, shown
from ..endpoint._http import Answer

#: An answer says by them where it came from: ours, and LiteLLM's, which has the id of the registry's row.
REVISION_HEADER, ROUTE_HEADER = "x-vllm-revision", "x-litellm-model-id"

#: The answer that proves it, by what is expected.
STATUSES = {"refused": 503, "unknown": 404}
#: Waiting does not help against them: the router's key, or where it may be reached.
PERMANENT_STATUSES = (401, 403)
PERMANENT_KINDS = ("denied", "tls")

Kind = t.Literal["right", "wrong", "permanent"]


@dataclasses.dataclass(frozen=True)
class Expected:
    """``state`` is routed, refused or unknown; ``refusal`` is what a refusal has to say."""

    state: str
    model: str
    revision: str = ""
    route_id: str = ""
    refusal: str = ""
    kind: str = "chat"

    def words(self) -> str:
        if self.state == "routed":
            return f"revision {self.revision} to answer for {self.model}"
        return f"{STATUSES[self.state]} for {self.model}"


@dataclasses.dataclass(frozen=True)
class Seen:
    """One answer, judged; ``line`` says what it was."""

    kind: Kind
    line: str
    status: int = 0
    revision: str = ""


def judged(expected: Expected, answer: Answer) -> Seen:
    if answer.status in PERMANENT_STATUSES:
        line = f"HTTP {answer.status}{_said(answer)}: it refuses the key; check router_api_key (VLLM_ROUTER_API_KEY)"
        return Seen("permanent", line, answer.status)
    if expected.state == "routed":
        return _routed(expected, answer)
    wanted, said = STATUSES[expected.state], _said(answer)
    if answer.status != wanted:
        return Seen("wrong", f"HTTP {answer.status}{said} instead of {wanted}", answer.status, _revision(answer))
    if expected.refusal and expected.refusal not in answer.body.decode("utf-8", "replace") and expected.refusal not in said:
        return Seen("wrong", f"HTTP {answer.status}{said}, which does not say {expected.refusal!r}", answer.status)
    return Seen("right", f"HTTP {answer.status}{said}", answer.status)


def failed(error: ProbeError) -> Seen:
    """No answer at all."""
    return Seen("permanent" if error.kind in PERMANENT_KINDS else "wrong", str(error))


def _routed(expected: Expected, answer: Answer) -> Seen:
    if answer.status != 200:
        return Seen("wrong", f"HTTP {answer.status}{_said(answer)}", answer.status)
    try:
        generated = embedding_size if expected.kind == "embedding" else completion_tokens
        # A router may give its own name for the model; which revision it was is told by the headers.
        generated(answer.json() if isinstance(answer.json(), dict) else {}, "the router", ())
    except ProbeError as error:
        return Seen("wrong", str(error), 200)
    revision, route = _revision(answer), answer.headers.get(ROUTE_HEADER, "")
    if revision == expected.revision or (not revision and expected.route_id and route == expected.route_id):
        return Seen("right", f"an answer from revision {expected.revision}", 200, expected.revision)
    if revision:
        return Seen("wrong", f"an answer from revision {shown(revision, 80)}", 200, revision)
    if route and expected.route_id:
        return Seen("wrong", f"an answer from another entry of the registry ({shown(route, 80)})", 200)
    return Seen("wrong", f"an answer that does not say which revision gave it (neither {REVISION_HEADER} nor {ROUTE_HEADER} is among its headers)", 200)


def _revision(answer: Answer) -> str:
    return str(answer.headers.get(REVISION_HEADER, ""))


def _said(answer: Answer) -> str:
    _kind, message = error_words(answer.json())
    return f" ({shown(message, 160)})" if message else ""
