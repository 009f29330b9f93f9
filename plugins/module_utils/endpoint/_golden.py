# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Golden prompts: fixed questions at temperature 0, whose answers show what a health check cannot, such as a wrong chat template."""

from __future__ import annotations

import json
import re
import typing as t

from .._errors import Error, InputError
from . import _answers
from ._bodies import PATHS, body
from ._errors import ProbeError, UnknownError, shown
from ._finding import Finding, failed, passed
from ._http import HttpSession
from ._subject import CheckSubject, Golden

MATCHERS = ("exact", "prefix", "regex", "json_schema", "same")


def parse(given: t.Sequence[t.Mapping[str, t.Any]], max_tokens: int) -> tuple[Golden, ...]:
    """The option ``golden``; each entry has exactly one matcher."""
    return tuple(_one(number, entry, max_tokens) for number, entry in enumerate(given, 1))


def _one(number: int, entry: t.Mapping[str, t.Any], max_tokens: int) -> Golden:
    chosen = [name for name in MATCHERS if entry.get(name) not in (None, False)]
    if len(chosen) != 1:
        raise InputError(f"golden: entry {number} needs one of {', '.join(MATCHERS)}, and has {' and '.join(chosen) or 'none'}")
    how = chosen[0]
    if how == "regex":
        try:
            re.compile(entry[how])
        except re.error as error:
            raise InputError(f"golden: the regex of entry {number} cannot be read: {error}") from error
    if how == "json_schema":
        _validator(entry[how])
    return Golden(entry["prompt"], how, entry[how], entry.get("max_tokens") or max_tokens)


def check(subject: CheckSubject) -> Finding:
    """Every golden prompt in order; all are asked, so that the report shows each."""
    if not subject.extras.golden:
        raise UnknownError("no golden prompts were given; list them in golden", code="option_missing")
    observed: list[dict[str, t.Any]] = []
    problems: list[str] = []
    for number, golden in enumerate(subject.extras.golden, 1):
        text = answer(subject.session, subject.ask.kind, subject.ask.model, golden, subject.seconds)
        problem = mismatch(golden, text, _reference(subject, golden) if golden.how == "same" else "")
        observed.append({"prompt": shown(golden.prompt, 80), "answer": shown(text), "match": not problem})
        if problem:
            problems.append(f"golden prompt {number} ({shown(golden.prompt, 40)!r}) {problem}")
    if problems:
        more = f"; {len(problems) - 1} more differ" if problems[1:] else ""
        return failed(problems[0] + more, observed, code="golden_mismatch")
    return passed(f"{len(observed)} golden prompts were answered as expected", observed)


def answer(session: HttpSession, kind: str, model: str, golden: Golden, seconds: float) -> str:
    asked = body(kind, model, golden.prompt, golden.max_tokens)
    reply = _answers.require_ok(session.ask("POST", PATHS[kind], asked, seconds=seconds), "a golden prompt")
    _answers.completion_tokens(reply, "a golden prompt", ())
    return text_of(reply["choices"][0])


def text_of(choice: t.Mapping[str, t.Any]) -> str:
    """What was answered: text, and tool calls by name and arguments, so that a tool-call parser that broke shows."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return str(choice.get("text") or "")
    calls = [call.get("function") for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return str(message.get("content") or "") + "".join(json.dumps(call, sort_keys=True) for call in calls)


def mismatch(golden: Golden, text: str, reference: str) -> str:
    """How an answer differs from what it must be; empty when it does not."""
    if golden.how == "exact":
        return "" if text == golden.expected else f"was answered {shown(text, 80)!r} instead of {shown(golden.expected, 80)!r}"
    if golden.how == "prefix":
        return "" if text.startswith(golden.expected) else f"was answered {shown(text, 80)!r}, which does not start with {shown(golden.expected, 80)!r}"
    if golden.how == "regex":
        return "" if re.search(golden.expected, text) else f"was answered {shown(text, 80)!r}, which does not match {shown(golden.expected, 80)!r}"
    if golden.how == "same":
        return "" if text == reference else f"was answered {shown(text, 80)!r}, and {shown(reference, 80)!r} by the reference"
    return _schema_problem(golden.expected, text)


def _schema_problem(schema: t.Any, text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return f"was answered {shown(text, 80)!r}, which is not valid JSON"
    problem = next(iter(_validator(schema).iter_errors(value)), None)
    return f"was answered with JSON that does not match its schema: {shown(problem.message, 120)}" if problem else ""


def _reference(subject: CheckSubject, golden: Golden) -> str:
    session = subject.extras.reference
    if session is None:
        raise UnknownError("golden: same needs reference_url", code="option_missing")
    try:
        return answer(session, subject.ask.kind, subject.extras.reference_model or subject.ask.model, golden, subject.seconds)
    except ProbeError as error:
        raise UnknownError(f"the reference did not answer: {error}", code=error.code) from error


def _validator(schema: t.Any) -> t.Any:
    # Imported here: only golden prompts with a schema need it.
    try:
        import jsonschema
    except ImportError as error:
        raise Error(f"golden: json_schema needs the Python package jsonschema: {error}; pip install jsonschema") from error
    kind = jsonschema.validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InputError(f"golden: not a JSON schema: {shown(error.message, 120)}") from error
    return kind(schema)
