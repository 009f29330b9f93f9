# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The settings that inventories may have: a ``vllm_*`` name that nothing reads is a typing error that nobody would see. Pure."""

from __future__ import annotations

import difflib
import typing as t

PREFIX = "vllm_"

#: What the roles read through the lookup ``inference.vllm.setting``. A test holds it against the roles' defaults.
SETTINGS: t.Final = frozenset(
    {
        "vllm_allow_downtime",
        "vllm_api_key_secret",
        "vllm_api_patience",
        "vllm_autoscaled",
        "vllm_capacity_fail_on",
        "vllm_capacity_wait",
        "vllm_capacity_wait_timeout",
        "vllm_display_name",
        "vllm_drain_timeout",
        "vllm_engine",
        "vllm_environment",
        "vllm_fix_drift",
        "vllm_gates",
        "vllm_git_commit",
        "vllm_helm_binary",
        "vllm_hf_token_secret",
        "vllm_image",
        "vllm_input_cost_per_token",
        "vllm_kind",
        "vllm_lock_duration",
        "vllm_lock_wait_timeout",
        "vllm_model",
        "vllm_namespace",
        "vllm_output_cost_per_token",
        "vllm_progress_seconds",
        "vllm_promotes_from",
        "vllm_register",
        "vllm_release",
        "vllm_replicas",
        "vllm_resources",
        "vllm_revision",
        "vllm_rollback_on_failure",
        "vllm_router_allowed_networks",
        "vllm_router_ca_cert",
        "vllm_router_consecutive",
        "vllm_router_http_proxy",
        "vllm_router_model",
        "vllm_router_timeout",
        "vllm_router_url",
        "vllm_strategy",
        "vllm_values",
        "vllm_verify_concurrency",
        "vllm_verify_max_tokens",
        "vllm_verify_samples",
        "vllm_verify_timeout",
        "vllm_wait_sleep",
        "vllm_weight",
    }
)

#: What an inventory may well have beside them: the group of the models, whose name Ansible also offers as a variable in some plugins.
OTHERS: t.Final = frozenset({"vllm_models"})

KNOWN: t.Final[frozenset[str]] = SETTINGS | OTHERS

#: Below it two names have little in common.
LIKENESS = 0.6


def unknown(names: t.Iterable[str]) -> list[tuple[str, str]]:
    """Each ``vllm_*`` name that nothing reads, with the nearest one that is; empty where none is near. In order of the names."""
    return [(name, _nearest(name)) for name in sorted({str(name) for name in names}) if name.startswith(PREFIX) and name not in KNOWN]


def _nearest(name: str) -> str:
    """Without the prefix, which all have in common."""
    known = sorted(setting.removeprefix(PREFIX) for setting in SETTINGS)
    found = difflib.get_close_matches(name.removeprefix(PREFIX).lower(), known, n=1, cutoff=LIKENESS)
    return f"{PREFIX}{found[0]}" if found else ""
