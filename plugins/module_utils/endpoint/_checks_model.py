# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Checks of what only some models and platforms have: TLS, metrics, tools, structured output, adapters."""

from __future__ import annotations

import dataclasses
import json
import re
import ssl
import time
import typing as t

from . import _answers, _stream
from ._bodies import PATHS, body
from ._errors import ProbeError, UnknownError, shown
from ._finding import Finding, failed, inconclusive, of_status, passed, skipped
from ._stream import Sample
from ._subject import CheckSubject

WARN_DAYS = 14
LEAST_TOKENS = 128
_NAME = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)")
_SUCCESS = re.compile(r"^vllm:request_success_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Says what the weather is in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "London"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
# A choice of values: a grammar that is enforced leaves even a random model nothing else to answer.
_SCHEMA = {"type": "object", "properties": {"answer": {"enum": ["OK", "no"]}}, "required": ["answer"], "additionalProperties": False}


def reach(subject: CheckSubject) -> Finding:
    """A connection opens. What the server answers is for the other checks."""
    start = time.perf_counter()
    pipe = _dial(subject)
    seconds = time.perf_counter() - start
    pipe.close()
    return passed(f"a connection took {seconds:.3g} s", {"seconds": round(seconds, 4)})


def tls(subject: CheckSubject) -> Finding:
    pipe = _dial(subject)
    try:
        if not isinstance(pipe, ssl.SSLSocket):
            return skipped("the endpoint is not reached by https", code="not_applicable")
        certificate, protocol = pipe.getpeercert(), pipe.version()
    finally:
        pipe.close()
    if not certificate:
        return inconclusive("the certificate was not verified, because endpoint_validate_certs is false", code="tls_unverified")
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86400)
    observed = {"days_left": days, "expires": certificate["notAfter"], "protocol": protocol}
    hint = "; renew it now" if days < WARN_DAYS else ""
    return Finding("pass", f"the certificate is trusted and expires in {days} days{hint}", observed, {"days_left": WARN_DAYS}, warns=days < WARN_DAYS)


def _dial(subject: CheckSubject) -> t.Any:
    try:
        return subject.session.transport.dial(subject.seconds)
    except (OSError, ValueError, ProbeError) as error:
        raise subject.session.failed(error, "a connection", subject.seconds) from error


def metrics(subject: CheckSubject) -> Finding:
    """Every series that gates and dashboards read exists, and our own requests were counted, so this server answered them."""
    answer = subject.session.ask("GET", "/metrics", seconds=subject.seconds)
    if answer.status != 200:
        return of_status(answer.status, f"/metrics answers {answer.status}", expected=200)
    text = answer.body.decode("utf-8", "replace")
    names = {found[1] for line in text.splitlines() if (found := _NAME.match(line))}
    missing = [name for name in subject.extras.series if name not in names]
    counted = sum(float(found) for found in _SUCCESS.findall(text))
    observed = {"series": len(names), "missing": missing, "requests_counted": counted}
    if missing and missing != ["http_requests_total"]:
        hint = "; was it started with --disable-log-stats?" if not any(name.startswith("vllm:") for name in names) else ""
        return failed(f"/metrics lacks {', '.join(missing)}{hint}", observed, {"missing": []}, code="series_missing")
    if missing or (not counted and "vllm:request_success_total" in subject.extras.series):
        message = "/metrics has not counted a request yet; list metrics after a check that generates"
        return inconclusive(message, observed, {"missing": []}, code="nothing_counted")
    return passed(f"/metrics has the {len(subject.extras.series)} series that were asked for", observed, {"missing": []})


def tools(subject: CheckSubject) -> Finding:
    """A tool call that a client can use: the right name, arguments as its parameters ask."""
    asked = body("chat", subject.ask.model, "What is the weather in Paris?", max(subject.ask.max_tokens, LEAST_TOKENS))
    answer = _message(subject, asked | {"tools": [_TOOL], "tool_choice": "required", "parallel_tool_calls": False}, "a tool call")
    calls = answer.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        text = shown(answer.get("content") or "", 80)
        message = f"the model answered {text!r} instead of calling the tool: check --enable-auto-tool-choice and --tool-call-parser"
        return failed(message, None, "get_weather", code="no_tool_call")
    function = calls[0].get("function") if isinstance(calls[0], dict) else None
    name, arguments = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else (None, None)
    observed = {"name": shown(name, 60), "arguments": shown(arguments)}
    given = _parsed(arguments)
    if name != "get_weather" or not isinstance(given, dict) or not isinstance(given.get("city"), str):
        message = f"the model called {shown(name, 60)!r} with {shown(arguments, 80)!r}: check --tool-call-parser"
        return failed(message, observed, "get_weather", code="wrong_tool_call")
    return passed("the model calls tools", observed, "get_weather")


def json_schema(subject: CheckSubject) -> Finding:
    """Structured output: the answer is JSON that matches its schema."""
    asked = body("chat", subject.ask.model, "Answer in JSON with the key answer.", max(subject.ask.max_tokens, LEAST_TOKENS))
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": _SCHEMA}}
    content = _message(subject, asked | {"response_format": wanted}, "structured output").get("content")
    value = _parsed(content)
    if value not in ({"answer": "OK"}, {"answer": "no"}):
        return failed(f"the model answered {shown(content, 80)!r}, which does not match the schema", shown(content), _SCHEMA, code="schema_mismatch")
    return passed("the answer matches the JSON schema", shown(content), _SCHEMA)


def lora(subject: CheckSubject) -> Finding:
    """Each adapter is listed as an adapter and answers under its own name."""
    adapters = subject.extras.adapters
    if not adapters:
        raise UnknownError("no adapters were given; list them in lora_adapters", code="option_missing")
    reply = _answers.require_ok(subject.session.ask("GET", "/v1/models", seconds=subject.seconds), "/v1/models")
    listed = {entry.get("id"): entry.get("parent") for entry in reply.get("data") or () if isinstance(entry, dict)}
    missing = [name for name in adapters if not listed.get(name)]
    if missing:
        message = f"adapter {missing[0]} is not listed: check --enable-lora and --lora-modules"
        return failed(message, [shown(name) for name in listed], list(adapters), code="adapter_missing")
    for name in adapters:
        ask = dataclasses.replace(subject.ask, model=name, names=frozenset({name}))
        _stream.plain(subject.session, ask, Sample(0.0))
    return passed(f"{len(adapters)} adapters answer", list(adapters), list(adapters))


def _message(subject: CheckSubject, asked: t.Any, what: str) -> t.Mapping[str, t.Any]:
    reply = _answers.require_ok(subject.session.ask("POST", PATHS["chat"], asked, seconds=subject.seconds), what)
    _answers.completion_tokens(reply, what, ())
    message = reply["choices"][0].get("message")
    return message if isinstance(message, dict) else {}


def _parsed(text: t.Any) -> t.Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
