# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options of ``vllm_routed_wait`` beside those of the registry, and what is refused before anything is asked."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from .._errors import InputError
from ..endpoint import _guard, _options
from ..endpoint._http import Transport
from ..endpoint._transports import Direct, Proxied, tls_context
from ._decide import Expected
from ._prove import Asking, by_name

Params = t.Mapping[str, t.Any]


def routing_options() -> dict[str, dict[str, t.Any]]:
    return {
        "url": {"type": "str", "required": True},
        "model": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["routed", "refused", "unknown"], "default": "routed"},
        "revision": {"type": "str"},
        "route_id": {"type": "str"},
        "by_name": {"type": "bool", "default": False},
        "refusal": {"type": "str"},
        "kind": {"type": "str", "choices": ["chat", "completion", "embedding"], "default": "chat"},
        "router_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VLLM_ROUTER_API_KEY"])},
        "router_ca_cert": {"type": "path"},
        "router_validate_certs": {"type": "bool", "default": True},
        "http_proxy": {"type": "str"},
        "allowed_networks": {"type": "list", "elements": "str", "default": []},
        "consecutive": {"type": "int", "default": 3},
        "wait_timeout": {"type": "float", "default": 120.0},
        "request_timeout": {"type": "float", "default": 10.0},
        "progress_seconds": {"type": "float", "default": 15.0},
        "event_id": {"type": "int"},
        **{name: {"type": "str"} for name in ("actor", "correlation_id", "git_commit")},
    }


def asking(params: Params) -> Asking:
    """Raises InputError."""
    _refuse(params)
    expected = Expected(params["state"], params["model"], params["revision"] or "", params["route_id"] or "", params["refusal"] or "", params["kind"])
    return Asking(_transport(params), expected, params["router_api_key"] or "", params["consecutive"], params["request_timeout"], params["progress_seconds"])


def _transport(params: Params) -> Transport:
    target = _options.base(params["url"])
    tls = tls_context(target, params["router_ca_cert"], params["router_validate_certs"])
    headers = tuple(by_name(params["revision"]).items()) if params["by_name"] else ()
    if params["http_proxy"]:
        return Proxied(target, _guard.parse(params["http_proxy"]), tls, headers=headers)
    return Direct(target, _guard.networks(params["allowed_networks"]), tls, headers=headers)


def _refuse(params: Params) -> None:
    model, key, revision = params["model"], params["router_api_key"] or "", params["revision"] or ""
    if not model or len(model) > 256 or not model.isprintable():
        raise InputError(f"model {model[:60]!a} must be a name of 1 to 256 printable characters")
    if not (key.isascii() and key.isprintable()):
        raise InputError("router_api_key has characters that an HTTP header cannot carry; is a line end at its end?")
    if not (revision.isascii() and revision.isprintable() and len(revision) <= 128):
        raise InputError(f"revision {revision[:60]!a} is not a name of at most 128 printable ASCII characters")
    if params["state"] == "routed" and not revision:
        raise InputError("state routed needs revision: the one that has to answer")
    if params["by_name"] and not revision:
        raise InputError("by_name needs revision: the one to ask for")
    if not 1 <= params["consecutive"] <= 1000:
        raise InputError(f"consecutive must be between 1 and 1000, not {params['consecutive']}")
    for name in ("wait_timeout", "request_timeout", "progress_seconds"):
        if not 0 < params[name] <= 86400:
            raise InputError(f"{name} must be a number of seconds above 0, not {params[name]:g}")
