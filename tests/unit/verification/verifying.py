"""A verification of a server on loopback, as the tests of these rooms ask for it."""

from __future__ import annotations

import typing as t

from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._verify import CheckOutcome
from ansible_collections.inference.vllm.plugins.module_utils.gates import _gate
from ansible_collections.inference.vllm.plugins.module_utils.verification import _verification

from tests.unit.endpoint.servers import Behaviour

DEFAULTS = {name: option.get("default") for name, option in _options.endpoint_options().items()}
KEY = "canary-key-9f31"
ENGINE_DEAD = {"error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}}


def options(address: str, **given: t.Any) -> dict[str, t.Any]:
    return {**DEFAULTS, "url": address, "model": "llama-3-8b", "allowed_networks": ["127.0.0.0/8"], "timeout": 20.0, "request_timeout": 2.0, **given}


def whole(address: str, **given: t.Any) -> _verification.Verified:
    params = options(address, **given)
    return _verification.verification(params, _options.plan(params), _gate.parse(params["gates"]), Deadline(params["timeout"]))


def verified(address: str, **given: t.Any) -> dict[str, t.Any]:
    return whole(address, **given).result


def checked(address: str, **given: t.Any) -> CheckOutcome:
    return whole(address, **given).checked


def verdicts(result: dict[str, t.Any]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in result["checks"]}


def codes(result: dict[str, t.Any]) -> dict[str, str]:
    return {check["name"]: check["code"] for check in result["checks"]}


def broken_generation(status: int, body: dict[str, t.Any]) -> Behaviour:
    return Behaviour(generation=lambda _asked: (status, body))


def reply(**changes: t.Any) -> dict[str, t.Any]:
    choice = {"index": 0, "finish_reason": "length", "message": {"content": "OK"}}
    return {"model": "llama-3-8b", "choices": [choice], "usage": {"completion_tokens": 4}, **changes}
