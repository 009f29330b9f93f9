#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_rollout_wait
version_added: 1.0.0
short_description: Wait for the rollout of a model, and explain why it fails
description:
  - Waits until the newest ReplicaSet of a Deployment is fully ready and no old pod is left, with a line of progress
    whenever something changed, and at least every O(progress_seconds).
  - Fails early when waiting cannot help, and names the cause and the value to change - an image that cannot be pulled,
    a missing Secret, an argument that vLLM does not know, memory, shared memory, the KV cache, the hub's refusal, a startup
    probe that killed the pod, no node for the pod, an exhausted quota.
  - Reads the failed container's log for that; an unknown message is quoted, never interpreted.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._lock
options:
  name:
    description: Name of the Deployment.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  wait_timeout:
    description: Seconds to wait. Must be above the startup window of the pods.
    type: int
    default: 1800
  wait_sleep:
    description: Seconds between two checks.
    type: float
    default: 1.0
  progress_seconds:
    description: Seconds after which a progress line is printed even if nothing changed, since a silent job looks like a dead one.
    type: int
    default: 15
  restarts:
    description: Failed starts of a container before a cause that may be temporary counts. Permanent causes fail at once.
    type: int
    default: 2
  unschedulable_seconds:
    description: Seconds that a pod may wait for a node.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details: Skipped in check mode, since nothing is rolled out then.
  diff_mode:
    support: N/A
    details: This action changes nothing.
  idempotent:
    support: full
    details: This action changes nothing.
  action:
    description: Runs on the controller, so that its progress is printed while it waits.
    support: full
seealso:
  - module: inference.vllm.vllm_endpoint_verify
"""

EXAMPLES = r"""
- name: Wait until only the new pods serve
  inference.vllm.vllm_rollout_wait:
    name: llama-3-8b-staging
    namespace: staging
    wait_timeout: 1500
  register: rollout

- name: Show what serves
  ansible.builtin.debug:
    msg: "{{ rollout.pods | join(', ') }} after {{ rollout.duration }} s"
"""

RETURN = r"""
state:
  description: V(complete), or on failure V(progressing) or V(failed).
  type: str
  returned: when the Deployment was seen
line:
  description: The last line of progress.
  type: str
  returned: when the Deployment was seen
  sample: 1 of 1 new pods ready
replica_set:
  description: Name of the newest ReplicaSet.
  type: str
  returned: when the Deployment was seen
pods:
  description: Names of its pods.
  type: list
  elements: str
  returned: when the Deployment was seen
cause:
  description: Why it failed.
  type: dict
  returned: when the Deployment was seen; null unless it failed
  contains:
    what:
      description: What happened.
      type: str
      sample: vLLM does not know the argument --swap-space
    next_step:
      description: What to change.
      type: str
      sample: remove it from engine.extraArgs, or take an image whose vLLM has it
    code:
      description: The cause as a stable code of C(docs/codes.md).
      type: str
      sample: unknown_argument
    permanent:
      description: Whether another start with the same values would end the same way.
      type: bool
duration:
  description: Seconds waited.
  type: float
  returned: success
"""
