# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Does an answer of a router prove that it follows the registry? Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ..endpoint._answers import completion_tokens, embedding_size, error_words
from ..endpoint._errors import ProbeError, shown
from ..endpoint._http import HttpAnswer

#: Headers by which an answer says where it came from: ours, and LiteLLM's, which has the id of the registry's row.
REVISION_HEADER, ROUTE_HEADER = "x-vllm-revision", "x-litellm-model-id"

#: The answer that proves it, by what is expected.
STATUSES = {"refused": 503, "unknown": 404}
#: Waiting does not mend these: the router's key, or where it may be reached.
PERMANENT_STATUSES = (401, 403)
PERMANENT_KINDS = ("denied", "tls")

RouterVerdict = t.Literal["pass", "fail", "inconclusive"]


@dataclasses.dataclass(frozen=True)
class Expected:
    """``state`` is routed, refused or unknown; ``refusal`` is what a refusal has to contain."""

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
class RouterAnswer:
    """One answer, judged: pass matches the registry, inconclusive may still come to match, fail will not. ``line`` is the answer in words."""

    verdict: RouterVerdict
    line: str
    status: int = 0
    revision: str = ""
    code: str = "ok"


def judged(expected: Expected, answer: HttpAnswer) -> RouterAnswer:
    if answer.status in PERMANENT_STATUSES:
        line = f"HTTP {answer.status}{_quoted(answer)}: the router refuses the key; check router_api_key (VLLM_ROUTER_API_KEY)"
        return RouterAnswer("fail", line, answer.status, code="key_refused")
    if expected.state == "routed":
        return _routed(expected, answer)
    wanted, quoted = STATUSES[expected.state], _quoted(answer)
    if answer.status != wanted:
        return _not_yet(f"HTTP {answer.status}{quoted} instead of {wanted}", answer.status, _revision(answer), code="http_status")
    if expected.refusal and expected.refusal not in answer.body.decode("utf-8", "replace") and expected.refusal not in quoted:
        return _not_yet(f"HTTP {answer.status}{quoted}, which does not contain {expected.refusal!r}", answer.status, code="wrong_refusal")
    return RouterAnswer("pass", f"HTTP {answer.status}{quoted}", answer.status)


def failed(error: ProbeError) -> RouterAnswer:
    """No answer at all."""
    return RouterAnswer("fail" if error.kind in PERMANENT_KINDS else "inconclusive", str(error), code=error.code)


def _routed(expected: Expected, answer: HttpAnswer) -> RouterAnswer:
    if answer.status != 200:
        return _not_yet(f"HTTP {answer.status}{_quoted(answer)}", answer.status, code="http_status")
    try:
        generated = embedding_size if expected.kind == "embedding" else completion_tokens
        # A router may give its own name for the model; the headers say which revision it was.
        generated(answer.json() if isinstance(answer.json(), dict) else {}, "the router", ())
    except ProbeError as error:
        return _not_yet(str(error), 200, code=error.code)
    revision, route = _revision(answer), answer.headers.get(ROUTE_HEADER, "")
    if revision == expected.revision or (not revision and expected.route_id and route == expected.route_id):
        return RouterAnswer("pass", f"an answer from revision {expected.revision}", 200, expected.revision)
    if revision:
        return _not_yet(f"an answer from revision {shown(revision, 80)}", 200, revision, code="wrong_revision")
    if route and expected.route_id:
        return _not_yet(f"an answer from another entry of the registry ({shown(route, 80)})", 200, code="wrong_revision")
    return _not_yet(f"an answer from an unknown revision (it has neither header {REVISION_HEADER} nor {ROUTE_HEADER})", 200, code="unknown_revision")


def _not_yet(line: str, status: int, revision: str = "", *, code: str) -> RouterAnswer:
    """Routers follow within seconds, so what is wrong now may be right soon."""
    return RouterAnswer("inconclusive", line, status, revision, code)


def _revision(answer: HttpAnswer) -> str:
    return str(answer.headers.get(REVISION_HEADER, ""))


def _quoted(answer: HttpAnswer) -> str:
    _kind, message = error_words(answer.json())
    return f" ({shown(message, 160)})" if message else ""
