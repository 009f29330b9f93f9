# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options of vllm_gpu_capacity, as its module and its action plugin take them."""

from __future__ import annotations

import typing as t

Spec = dict[str, dict[str, t.Any]]

REPLACES: Spec = {
    "release": {"type": "str"},
    "selector": {"type": "dict"},
    "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
    "max_surge": {"type": "str", "default": "1"},
    "max_unavailable": {"type": "str", "default": "0"},
}
OPTIONS: Spec = {
    "namespace": {"type": "str", "default": "default"},
    "replicas": {"type": "int", "default": 1},
    "pod_template": {"type": "dict"},
    "resources": {"type": "dict"},
    "labels": {"type": "dict"},
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict"},
    "affinity": {"type": "dict"},
    "topology_spread_constraints": {"type": "list", "elements": "dict"},
    "priority_class_name": {"type": "str"},
    "runtime_class_name": {"type": "str"},
    "replaces": {"type": "dict", "options": REPLACES},
    "fail_on": {"type": "list", "elements": "str", "choices": ["no_room", "unknown"], "default": []},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 1800},
    "wait_sleep": {"type": "float", "default": 10},
    "timeout": {"type": "float", "default": 30},
}
#: Which answer fails the task under which name in ``fail_on``.
FAILURES = {"false": "no_room", "unknown": "unknown"}
