# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options of ``vllm_endpoint_verify`` beside the shared ones, and what is refused before anything is asked."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from .._errors import InputError
from . import _guard
from ._checks import CHECKS
from ._load import Load
from ._pods import Place
from ._stream import Ask
from ._verify import DEFAULT_CHECKS, Plan

Params = t.Mapping[str, t.Any]
ALL_CHECKS = (*CHECKS, "latency")
MOST_SAMPLES, MOST_WORKERS, MOST_TOKENS = 100_000, 256, 4096


def endpoint_options() -> dict[str, dict[str, t.Any]]:
    return {
        "way": {"type": "str", "choices": ["direct", "port_forward"], "default": "direct"},
        "url": {"type": "str"},
        "namespace": {"type": "str"},
        "service": {"type": "str"},
        "deployment": {"type": "str"},
        "pod": {"type": "str"},
        "pods": {"type": "str", "choices": ["all", "new"], "default": "all"},
        "pod_port": {"type": "str", "default": "http"},
        "model": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["chat", "completion", "embedding"], "default": "chat"},
        "endpoint_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VLLM_API_KEY"])},
        "key_required": {"type": "bool", "no_log": False},
        "endpoint_ca_cert": {"type": "path"},
        "endpoint_validate_certs": {"type": "bool", "default": True},
        "allowed_networks": {"type": "list", "elements": "str", "default": []},
        "checks": {"type": "list", "elements": "str", "choices": list(ALL_CHECKS)},
        "prompt": {"type": "str", "default": "Say OK."},
        "max_tokens": {"type": "int", "default": 16},
        "samples": {"type": "int", "default": 5},
        "concurrency": {"type": "int", "default": 1},
        "warmup": {"type": "int"},
        "rate": {"type": "float", "default": 0.0},
        "duration": {"type": "float", "default": 0.0},
        "seed": {"type": "int", "default": 0},
        "gates": {"type": "dict", "default": {}},
        "timeout": {"type": "float", "default": 60.0},
        "request_timeout": {"type": "float", "default": 30.0},
        "fail_on": {"type": "list", "elements": "str", "choices": ["fail", "inconclusive"], "default": ["fail", "inconclusive"]},
    }


def plan(params: Params) -> Plan:
    """What is to be verified; raises InputError."""
    _refuse(params)
    model, kind = params["model"], params["kind"]
    load = Load(params["samples"], params["concurrency"], params["warmup"], params["rate"], params["duration"], params["seed"])
    ask = Ask(kind, model, params["prompt"], params["max_tokens"], params["request_timeout"])
    checks = tuple(params["checks"]) if params["checks"] is not None else DEFAULT_CHECKS[kind]
    if load.samples == 0:
        checks = tuple(name for name in checks if name != "latency")
    return Plan(ask, checks, load, params["endpoint_api_key"] or "", params["key_required"])


def place(params: Params) -> Place:
    """Which pods are meant; raises InputError."""
    if not params["namespace"]:
        raise InputError("namespace is needed for the way port_forward")
    if not (params["service"] or params["deployment"] or params["pod"]):
        raise InputError("service, deployment or pod is needed for the way port_forward")
    if params["pods"] == "new" and not (params["deployment"] or params["service"]):
        raise InputError("pods: new is about a Deployment; give its name by deployment")
    return Place(params["namespace"], params["service"] or "", params["deployment"] or "", params["pod"] or "", params["pods"] == "new", params["pod_port"])


def target(params: Params) -> _guard.Target:
    """The URL for the way ``direct``; raises InputError."""
    if not params["url"]:
        raise InputError("url is needed for the way direct, such as http://llama-3-8b.example.com:8000")
    found = _guard.parse(params["url"])
    # What is asked begins with /v1 itself, and people paste the base URL of an OpenAI client.
    return found if not found.path.endswith("/v1") else _guard.Target(found.scheme, found.host, found.port, found.path[: -len("/v1")])


def _refuse(params: Params) -> None:
    model, key = params["model"], params["endpoint_api_key"] or ""
    if not model or len(model) > 256 or not model.isprintable():
        raise InputError(f"model {model[:60]!a} must be a name of 1 to 256 printable characters")
    if not key.isascii() or not key.isprintable():
        raise InputError("endpoint_api_key has characters that an HTTP header cannot carry; is a line end at its end?")
    for name, least, most in (("samples", 0, MOST_SAMPLES), ("concurrency", 1, MOST_WORKERS), ("max_tokens", 1, MOST_TOKENS), ("warmup", 0, MOST_SAMPLES)):
        value = params[name]
        if value is not None and not least <= value <= most:
            raise InputError(f"{name} must lie between {least} and {most}, not {value}")
    for name in ("timeout", "request_timeout"):
        if not 0 < params[name] <= 86400:
            raise InputError(f"{name} must be a number of seconds above 0, not {params[name]:g}")
    for name in ("rate", "duration"):
        if not 0 <= params[name] <= 86400:
            raise InputError(f"{name} must lie between 0 and 86400, not {params[name]:g}")
    if not params["prompt"] or len(params["prompt"]) > 100_000:
        raise InputError("prompt must have 1 to 100000 characters")
    if params["checks"] == []:
        raise InputError("checks is empty: with nothing checked there is nothing to say")
