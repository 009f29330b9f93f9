# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""``vllm_apply``: what it takes and what it does."""

from __future__ import annotations

import typing as t

from .._spec import Context, Options, Params, Result, Spec
from ..cluster._options import kubernetes_options
from ..gates import _confidence, _gate
from ..lock._lease import DURATION_SECONDS
from ..registry._options import registry_options
from ..registry._request import ENVIRONMENTS
from . import _apply, _request

_STRINGS: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
_TEXT: dict[str, t.Any] = {"type": "str", "default": ""}

#: From so many samples on, several requests are measured at a time.
MANY_SAMPLES = _confidence.needed(0.05, _gate.CONFIDENCE)


def _release_options() -> Options:
    return {
        "state": {"type": "str", "choices": list(_request.STATES), "default": "present"},
        "model": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "namespace": _TEXT,
        "release": _TEXT,
        "revision": _TEXT,
        "promotes_from": _TEXT,
        "chart_ref": {"type": "path", "required": True},
        "values_files": {"type": "list", "elements": "path", "default": []},
        "model_options": {"type": "dict", "default": {}},
        "image": {"type": "dict", "default": {}},
        "engine": {"type": "dict", "default": {}},
        "replicas": {"type": "int", "default": 1},
        "autoscaled": {"type": "bool", "default": False},
        "resources": {"type": "dict", "default": {}},
        "api_key_secret": {"type": "dict", "default": {}, "no_log": False},
        "hf_token_secret": {"type": "dict", "default": {}, "no_log": False},
        "values": {"type": "dict", "default": {}},
        "kind": {"type": "str", "choices": ["chat", "completion", "embedding"], "default": "chat"},
        "binary_path": {"type": "path"},
    }


def _change_options() -> Options:
    return {
        "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
        "allow_downtime": {"type": "bool", "default": False},
        "fix_drift": {"type": "bool", "default": True},
        "capacity_fail_on": {"type": "list", "elements": "str", "choices": ["fail", "inconclusive"], "default": ["fail", "inconclusive"]},
        "capacity_wait": {"type": "bool", "default": False},
        "capacity_wait_timeout": {"type": "float", "default": 1800.0},
        "rollback_on_failure": {"type": "bool", "default": True},
        "lock_duration": {"type": "int", "default": DURATION_SECONDS},
        "lock_wait_timeout": {"type": "float", "default": 900.0},
        "wait_sleep": {"type": "float", "default": 1.0},
        "progress_seconds": {"type": "float", "default": 15.0},
        "api_patience": {"type": "float", "default": 60.0},
        "drain_timeout": {"type": "float", "default": 60.0},
        "reason": _TEXT,
    }


def _verify_options() -> Options:
    return {
        "verify_samples": {"type": "int", "default": 5},
        "verify_concurrency": {"type": "int"},
        "verify_max_tokens": {"type": "int", "default": 16, "no_log": False},
        "verify_timeout": {"type": "float", "default": 90.0},
        "gates": {"type": "dict", "default": {}},
    }


def _register_options() -> Options:
    return {
        "register": {"type": "bool", "default": True},
        "display_name": _TEXT,
        "input_cost_per_token": {"type": "float", "default": 0.0, "no_log": False},
        "output_cost_per_token": {"type": "float", "default": 0.0, "no_log": False},
        "weight": {"type": "int"},
        "router_url": _TEXT,
        "router_model": _TEXT,
        "router_consecutive": {"type": "int", "default": 3},
        "router_timeout": {"type": "float", "default": 120.0},
        "router_ca_cert": _TEXT,
        "router_http_proxy": _TEXT,
        "router_allowed_networks": _STRINGS,
        "actor": _TEXT,
        "correlation_id": _TEXT,
        "git_commit": _TEXT,
        "registry": {"type": "dict", "options": registry_options()},
    }


SPEC = Spec({**kubernetes_options(), **_release_options(), **_change_options(), **_verify_options(), **_register_options()})


def run(params: Params, context: Context) -> Result:
    given = dict(params)
    if given["verify_concurrency"] is None:
        given["verify_concurrency"] = 4 if given["verify_samples"] >= MANY_SAMPLES else 1
    done = _apply.apply(_request.read(given), context)
    document = done.outcome.document()
    result: Result = {"changed": done.changed, "outcome": document, "code": document["code"], "msg": document["message"], "diff": list(done.diff)}
    if done.outcome.plan and context.check_mode:
        result["plan"] = done.outcome.plan.document()
    return {**result, "failed": True} if document["result"] in ("failed", "rolled_back") else result
