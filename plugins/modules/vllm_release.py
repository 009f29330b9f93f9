#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_release
short_description: Applies a planned Helm release, or rolls one back
description:
  - O(state=present) applies what M(inference.vllm.vllm_release_plan) planned by C(helm upgrade --install), without
    C(--wait) and without C(--atomic), then reads the release back and compares.
  - Values reach helm by its standard input and credentials by its environment; no file with either is written.
  - Refuses when the release moved since it was planned.
  - A release that an interrupted Helm left pending is rolled back or uninstalled first. Hold the release lock for that
    (M(inference.vllm.vllm_lock)), since nobody else's Helm may be at work.
  - O(state=rolled_back) brings a release back to a revision that Helm has kept.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._lock
options:
  name:
    description: Name of the release.
    type: str
    required: true
    aliases: [release_name]
  namespace:
    description: Namespace of the release.
    type: str
    required: true
    aliases: [release_namespace]
  state:
    description: Whether to apply a plan or to roll back.
    type: str
    choices: [present, rolled_back]
    default: present
  plan:
    description: Result of M(inference.vllm.vllm_release_plan). Needed for O(state=present).
    type: dict
  release_revision:
    description: Helm revision to go back to. Needed for O(state=rolled_back).
    type: int
  binary_path:
    description: Path of the helm program. Found on E(PATH) when not given.
    type: path
  timeout:
    description: Seconds that the step may take; it does not wait for pods.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: With O(state=present), the objects that differ; with O(state=rolled_back) none.
  idempotent:
    support: full
  action:
    description: Runs in the controller; helm must be there.
    support: full
requirements:
  - helm >= 3.8 (program)
seealso:
  - module: inference.vllm.vllm_release_plan
"""

EXAMPLES = r"""
- name: Apply the plan
  inference.vllm.vllm_release:
    name: "{{ plan.name }}"
    namespace: "{{ plan.namespace }}"
    plan: "{{ plan }}"
  register: release

- name: Go back to revision 3
  inference.vllm.vllm_release:
    name: llama-3-8b-staging
    namespace: staging
    state: rolled_back
    release_revision: 3
"""

RETURN = r"""
release_revision:
  description: Helm revision that is deployed afterwards; in check mode the present one.
  type: int
  returned: success
reason:
  description: Why something was, or would be, changed.
  type: str
  returned: when O(state=present)
duration:
  description: Seconds taken.
  type: float
  returned: success
"""
