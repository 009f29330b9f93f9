# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Checks of the API that every server offers. Each takes the subject and returns a finding, or raises ProbeError, which is a fail."""

from __future__ import annotations

import dataclasses
import typing as t

from . import _answers, _checks_model, _golden, _stream
from ._bodies import body
from ._errors import ProbeError, shown
from ._finding import Finding, failed, of_status, passed, skipped
from ._stream import Sample
from ._subject import CheckSubject

HEALTH_MEANINGS = {503: ": the engine is dead or not up yet", 404: ": this is not a vLLM server"}
NOBODY = "inference-vllm-a-model-that-nobody-serves"


def health(subject: CheckSubject) -> Finding:
    answer = subject.session.ask("GET", "/health", seconds=subject.seconds)
    if answer.status == 200:
        return passed("/health answers 200", 200, 200)
    _refuse_redirect(answer.status, answer.headers.get("Location"), "/health")
    return of_status(answer.status, f"/health answers {answer.status}{HEALTH_MEANINGS.get(answer.status, '')}", expected=200)


def ready(subject: CheckSubject) -> Finding:
    answer = subject.session.ask("GET", "/ready", seconds=subject.seconds)
    if answer.status == 404:
        return skipped("/ready is not offered; vLLM has none", 404, 200, code="not_offered")
    if answer.status == 200:
        return passed("/ready answers 200", 200, 200)
    return of_status(answer.status, f"/ready answers {answer.status}", expected=200)


def version(subject: CheckSubject) -> Finding:
    answer = subject.session.ask("GET", "/version", seconds=subject.seconds)
    if answer.status == 404:
        return skipped("/version is not offered", 404, code="not_offered")
    reply = _answers.require_ok(answer, "/version")
    found = shown(reply.get("version"), 60)
    return passed(f"the server is version {found}", found)


def models(subject: CheckSubject) -> Finding:
    """Served names only: ``created`` and ``permission`` change at every request."""
    listed = served(subject)
    wanted = subject.ask.model
    if wanted in listed:
        return passed(f"the server lists {wanted}", listed[:20], wanted)
    names = ", ".join(shown(name, 80) for name in listed[:5]) or "nothing"
    message = f"the server lists {names}, not {wanted}: check --served-model-name and the address"
    return failed(message, [shown(name, 256) for name in listed[:20]], wanted, code="wrong_model")


def served(subject: CheckSubject) -> list[str]:
    reply = _answers.require_ok(subject.session.ask("GET", "/v1/models", seconds=subject.seconds), "/v1/models")
    data = reply.get("data")
    if not isinstance(data, list):
        raise ProbeError("answer", "/v1/models answered without a list of models")
    return [str(entry.get("id")) for entry in data if isinstance(entry, dict)]


def authentication(subject: CheckSubject) -> Finding:
    """The key is accepted, and nothing else is."""
    key, required = subject.session.key, subject.key_required
    bare = subject.session.ask("GET", "/v1/models", seconds=subject.seconds, key="").status
    keyed = subject.session.ask("GET", "/v1/models", seconds=subject.seconds).status if key else None
    observed = {"without_key": bare, "with_key": keyed}
    if bare not in (200, 401, 403):
        return of_status(bare, f"/v1/models answers {bare} without a key", observed, 401 if required else 200)
    if keyed is not None and keyed != 200:
        return of_status(keyed, f"/v1/models answers {keyed} to the key given: check endpoint_api_key (VLLM_API_KEY)", observed, 200)
    if bare == 200:
        if required:
            message = "the server answers without a key although key_required is true: start it with VLLM_API_KEY set"
            return failed(message, observed, {"without_key": 401}, code="open_without_key")
        return passed("the server requires no key", observed)
    if not key:
        return failed(f"the server requires a key ({bare} without one): give endpoint_api_key (VLLM_API_KEY)", observed, code="key_missing")
    if required is False:
        return failed("the server requires a key although key_required is false", observed, {"without_key": 200}, code="key_unexpected")
    return passed("the server accepts the key, and refuses requests without one", observed, {"without_key": bare, "with_key": 200})


def generation(kind: str) -> t.Callable[[CheckSubject], Finding]:
    """A real generation (or vector) of that kind, read whole."""

    def check(subject: CheckSubject) -> Finding:
        sample = Sample(0.0)
        count = _stream.plain(subject.session, dataclasses.replace(subject.ask, kind=kind), sample)
        unit = "dimensions" if kind == "embedding" else "tokens"
        seconds = sample.latency or 0.0
        return passed(f"the server answered with {count} {unit} in {seconds:.3g} s", {unit: count, "seconds": round(seconds, 4)}, {unit: 1})

    return check


def stream(subject: CheckSubject) -> Finding:
    sample = Sample(0.0)
    ask = subject.ask if subject.ask.kind != "embedding" else dataclasses.replace(subject.ask, kind="chat")
    _stream.stream(subject.session, ask, sample)
    observed = {"tokens": sample.tokens, "chunks": len(sample.gaps) + 1, "ttft": round(sample.ttft or 0.0, 4)}
    return passed(f"the server streamed {sample.tokens} tokens to [DONE], the first after {sample.ttft or 0.0:.3g} s", observed, {"tokens": 1, "end": "[DONE]"})


def wrong_model(subject: CheckSubject) -> Finding:
    """Only the model's own server refuses a name that nobody serves; a gateway's catch-all answers anything."""
    answer = subject.session.ask("POST", subject.ask.path, body(subject.ask.kind, NOBODY, "a", 1), seconds=subject.seconds)
    kind, _message = _answers.error_words(answer.json())
    observed = {"status": answer.status, "type": shown(kind, 60)}
    if answer.status == 404 and kind == "NotFoundError":
        return passed("the server refuses a model that it does not serve", observed, {"status": 404, "type": "NotFoundError"})
    message = f"HTTP {answer.status} for a model that nobody serves: is a gateway or another server answering?"
    return failed(message, observed, {"status": 404, "type": "NotFoundError"}, code="catch_all")


def _refuse_redirect(status: int, location: str | None, what: str) -> None:
    if location is not None and 300 <= status < 400:
        raise ProbeError("redirect", f"{what} answers HTTP {status}, a redirect to {shown(location)!r}, which is never followed", status=status)


CHECKS: dict[str, t.Callable[[CheckSubject], Finding]] = {
    "reach": _checks_model.reach,
    "tls": _checks_model.tls,
    "health": health,
    "ready": ready,
    "version": version,
    "models": models,
    "authentication": authentication,
    "chat": generation("chat"),
    "completion": generation("completion"),
    "embedding": generation("embedding"),
    "stream": stream,
    "wrong_model": wrong_model,
    "tools": _checks_model.tools,
    "json_schema": _checks_model.json_schema,
    "lora": _checks_model.lora,
    "golden": _golden.check,
    "metrics": _checks_model.metrics,
}
