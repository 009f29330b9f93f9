#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_release
version_added: 1.0.0
short_description: Apply a planned Helm release, or roll one back
description:
  - O(state=present) applies what M(inference.vllm.vllm_release_plan) planned by C(helm upgrade --install), without
    C(--wait) and without C(--atomic), then reads the release back and compares.
  - helm reads the values from its standard input, and the credentials from a file that no other process can open; neither is in its arguments or environment.
  - Refuses when the release changed since it was planned.
  - Records that an interrupted Helm left unfinished are removed first; the objects in the cluster stay. Hold the release lock
    (M(inference.vllm.vllm_lock)), so that no other Helm is at work.
  - Drift that Helm itself would leave as it is gets reverted.
  - O(state=rolled_back) rolls a release back to a revision that Helm has kept.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._lock
options:
  state:
    description: Whether to apply a plan or to roll back.
    type: str
    choices: [present, rolled_back]
    default: present
  plan:
    description: Result of M(inference.vllm.vllm_release_plan). Required for O(state=present); the release and its namespace are read from it.
    type: dict
  name:
    description: Name of the release. Required for O(state=rolled_back).
    type: str
    aliases: [release_name]
  namespace:
    description: Namespace of the release. Required for O(state=rolled_back).
    type: str
    aliases: [release_namespace]
  release_revision:
    description: Helm revision to roll back to. Required for O(state=rolled_back).
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
    details: The objects that differ.
  idempotent:
    support: full
  action:
    description: Runs on the controller, which needs helm.
    support: full
requirements:
  - helm >= 3.8 (program)
seealso:
  - module: inference.vllm.vllm_release_plan
"""

EXAMPLES = r"""
- name: Apply the plan
  inference.vllm.vllm_release:
    plan: "{{ plan }}"
  register: release

- name: Roll back to revision 3
  inference.vllm.vllm_release:
    name: llama-3-8b-staging
    namespace: staging
    state: rolled_back
    release_revision: 3
"""

RETURN = r"""
release_revision:
  description: Helm revision that is deployed after the run; in check mode the present one.
  type: int
  returned: success
reason:
  description: Why something was, or would be, changed.
  type: str
  returned: when O(state=present)
code:
  description: The same as a stable code of C(docs/codes.md).
  type: str
  returned: when O(state=present)
duration:
  description: Seconds taken.
  type: float
  returned: success
"""
