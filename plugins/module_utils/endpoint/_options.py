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
from . import _golden, _guard
from ._checks_api import CHECKS
from ._load import Load
from ._pods import Place
from ._stream import Ask
from ._subject import SERIES, Extras
from ._verify import DEFAULT_CHECKS, ROUTER_CHECKS, VerificationPlan

Params = t.Mapping[str, t.Any]
ALL_CHECKS = (*CHECKS, "replicas", "latency")
SAMPLES, MOST_SAMPLES = 5, 100_000
LIMITS = (("samples", 0, MOST_SAMPLES), ("concurrency", 1, 256), ("max_tokens", 1, 4096), ("warmup", 0, 100_000), ("prompt_words", 0, 20_000))


def endpoint_options() -> dict[str, dict[str, t.Any]]:
    return {**_place_options(), **_check_options(), **_load_options()}


def _place_options() -> dict[str, dict[str, t.Any]]:
    return {
        "via": {"type": "str", "choices": ["auto", "direct", "port_forward", "router", "service_proxy"], "default": "direct"},
        "url": {"type": "str"},
        "http_proxy": {"type": "str"},
        "namespace": {"type": "str"},
        "service": {"type": "str"},
        "deployment": {"type": "str"},
        "pod": {"type": "str"},
        "pods": {"type": "str", "choices": ["all", "new"], "default": "all"},
        "pod_port": {"type": "str", "default": "http"},
        "endpoint_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VLLM_API_KEY"])},
        "endpoint_ca_cert": {"type": "path"},
        "endpoint_validate_certs": {"type": "bool", "default": True},
        "allowed_networks": {"type": "list", "elements": "str", "default": []},
    }


def _check_options() -> dict[str, dict[str, t.Any]]:
    return {
        "model": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["chat", "completion", "embedding"], "default": "chat"},
        "key_required": {"type": "bool", "no_log": False},
        "checks": {"type": "list", "elements": "str", "choices": list(ALL_CHECKS)},
        "lora_adapters": {"type": "list", "elements": "str", "default": []},
        "metrics": {"type": "list", "elements": "str", "default": list(SERIES)},
        "golden": {"type": "list", "elements": "dict", "default": [], "options": _golden_options()},
        "reference_url": {"type": "str"},
        "reference_model": {"type": "str"},
        "reference_api_key": {"type": "str", "no_log": True},
        "prompt": {"type": "str", "default": "Say OK."},
        "max_tokens": {"type": "int", "default": 16, "no_log": False},
        "gates": {"type": "dict", "default": {}},
        "timeout": {"type": "float", "default": 60.0},
        "request_timeout": {"type": "float", "default": 30.0},
        "report": {"type": "path"},
        "junit": {"type": "path"},
        "fail_on": {"type": "list", "elements": "str", "choices": ["fail", "inconclusive"], "default": ["fail", "inconclusive"]},
    }


def _load_options() -> dict[str, dict[str, t.Any]]:
    return {
        "prompt_words": {"type": "int", "default": 0},
        "ignore_eos": {"type": "bool", "default": False},
        "samples": {"type": "int"},
        "concurrency": {"type": "int", "default": 1},
        "warmup": {"type": "int"},
        "rate": {"type": "float", "default": 0.0},
        "duration": {"type": "float", "default": 0.0},
        "seed": {"type": "int", "default": 0},
        "slo": {"type": "dict", "default": {}, "options": {f"{metric}_seconds": {"type": "float"} for metric in ("e2e", "ttft", "itl", "tpot")}},
    }


def _golden_options() -> dict[str, dict[str, t.Any]]:
    return {
        "prompt": {"type": "str", "required": True},
        "exact": {"type": "str"},
        "prefix": {"type": "str"},
        "regex": {"type": "str"},
        "json_schema": {"type": "dict"},
        "same": {"type": "bool", "default": False},
        "max_tokens": {"type": "int", "no_log": False},
    }


def plan(params: Params) -> VerificationPlan:
    """What is to be verified; raises InputError."""
    _refuse(params)
    model, kind = params["model"], params["kind"]
    load = _load(params)
    ask = Ask(kind, model, params["prompt"], params["max_tokens"], params["request_timeout"], exact=params["ignore_eos"])
    router = params["via"] == "router"
    checks = tuple(params["checks"]) if params["checks"] is not None else (ROUTER_CHECKS if router else DEFAULT_CHECKS)[kind]
    if params["checks"] is None:
        # An option that is only for one check asks for that check.
        asked = [name for name, given in (("lora", params["lora_adapters"]), ("golden", params["golden"])) if given]
        checks = (*(("tls",) if _proves_itself(params) else ()), *checks[:-1], *asked, checks[-1])
    if load.samples == 0:
        checks = tuple(name for name in checks if name != "latency")
    golden = _golden.parse(params["golden"], params["max_tokens"])
    slo = {name.removesuffix("_seconds"): limit for name, limit in params["slo"].items() if limit is not None}
    extras = Extras(tuple(params["metrics"]), tuple(params["lora_adapters"]), golden, reference_model=params["reference_model"] or "")
    return VerificationPlan(ask, checks, load, params["endpoint_api_key"] or "", params["key_required"], own_names=not router, slo=slo, extras=extras)


def _load(params: Params) -> Load:
    samples = params["samples"]
    if samples is None:
        samples = MOST_SAMPLES if params["duration"] else SAMPLES
    return Load(samples, params["concurrency"], params["warmup"], params["rate"], params["duration"], params["seed"], words=params["prompt_words"])


def _proves_itself(params: Params) -> bool:
    """Whether there is a certificate to verify."""
    return params["via"] in ("direct", "router") and (params["url"] or "").lower().startswith("https:") and params["endpoint_validate_certs"]


def place(params: Params) -> Place:
    """Which pods are meant; raises InputError."""
    if not params["namespace"]:
        raise InputError(f"via: {params['via']} needs namespace")
    if not (params["service"] or params["deployment"] or params["pod"]):
        raise InputError(f"via: {params['via']} needs service, deployment or pod")
    if params["pods"] == "new" and not (params["deployment"] or params["service"]):
        raise InputError("pods: new needs deployment, the name of a Deployment")
    return Place(params["namespace"], params["service"] or "", params["deployment"] or "", params["pod"] or "", params["pods"] == "new", params["pod_port"])


def target(params: Params) -> _guard.Url:
    """The URL for ``direct`` and ``router``; raises InputError."""
    if not params["url"]:
        raise InputError(f"via: {params['via']} needs url, such as http://llama-3-8b.example.com:8000")
    return base(params["url"])


def base(url: str) -> _guard.Url:
    found = _guard.parse(url)
    # The paths that are asked begin with /v1 themselves, and people paste the base URL of an OpenAI client.
    return found if not found.path.endswith("/v1") else _guard.Url(found.scheme, found.host, found.port, found.path[: -len("/v1")])


def _refuse(params: Params) -> None:
    model, key = params["model"], params["endpoint_api_key"] or ""
    if not model or len(model) > 256 or not model.isprintable():
        raise InputError(f"model {model[:60]!a} must be a name of 1 to 256 printable characters")
    if not key.isascii() or not key.isprintable():
        raise InputError("endpoint_api_key has characters that an HTTP header cannot carry; does it end with a line break?")
    for name, least, most in LIMITS:
        value = params[name]
        if value is not None and not least <= value <= most:
            raise InputError(f"{name} must be between {least} and {most}, not {value}")
    for name in ("timeout", "request_timeout"):
        if not 0 < params[name] <= 86400:
            raise InputError(f"{name} must be a number of seconds above 0, not {params[name]:g}")
    for name in ("rate", "duration"):
        if not 0 <= params[name] <= 86400:
            raise InputError(f"{name} must be between 0 and 86400, not {params[name]:g}")
    if not params["prompt"] or len(params["prompt"]) > 100_000:
        raise InputError("prompt must have 1 to 100000 characters")
    if params["checks"] == []:
        raise InputError("checks is empty; list at least one check, or leave it out for the default ones")
