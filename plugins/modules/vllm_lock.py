#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_lock
version_added: 1.0.0
short_description: Lock a release across users, hosts and AWX jobs
description:
  - Acquires, renews or releases a C(coordination.k8s.io) Lease per release, so that two people, two AWX jobs, or a rollback during a deploy
    never work on one release at the same time.
  - Written by compare-and-set on the object's resource version. A run that finds the lock held prints the holder and waits. It takes the lock over
    when the lease was not renewed for its whole duration by the waiting run's own clock; no clocks of two machines are compared.
  - The lock of a process on the same machine that has ended (killed, or Ctrl-C pressed twice) is taken over at once.
  - The owner is the process that runs the playbook, so all tasks of one run on one release share the lock.
  - M(inference.vllm.vllm_apply) acquires the lock by itself; another task of the same run must not hold it.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
options:
  name:
    description: Name of the release. The Lease is called C(inference-vllm-{name}).
    type: str
    required: true
  namespace:
    description: Namespace of the release, and of the Lease.
    type: str
    required: true
  state:
    description:
      - V(acquired) waits while another run holds the lock; it renews a lock that this run already holds.
      - V(renewed) fails when this run no longer holds the lock; it must not change anything more then.
      - V(released) does nothing when this run does not hold the lock.
    type: str
    choices: [acquired, renewed, released]
    default: acquired
  reason:
    description: What the lock is held for; shown to runs that wait.
    type: str
    default: ""
  duration:
    description: Seconds without a renewal after which another run may take the lock over.
    type: int
    default: 120
  wait_timeout:
    description: Seconds to wait while another run holds the lock; then the task fails and names the holder.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
    details: Acquires nothing in check mode; returns RV(holder).
  diff_mode:
    support: N/A
    details: The lease is not part of what is deployed.
  idempotent:
    support: full
    details: Never reports a change, since the lease is not part of what is deployed.
  action:
    description: Runs in the controller, in the process that runs the playbook.
    support: full
seealso:
  - module: inference.vllm.vllm_release
"""

EXAMPLES = r"""
- name: Acquire the release lock
  inference.vllm.vllm_lock:
    name: llama-3-8b-staging
    namespace: staging
    reason: resize for the demo

- name: Release it
  inference.vllm.vllm_lock:
    name: llama-3-8b-staging
    namespace: staging
    state: released
"""

RETURN = r"""
takeover:
  description: The previous holder, when the lock was taken over, and why; empty when it was free.
  type: str
  returned: when O(state=acquired) and not in check mode
waited:
  description: Seconds until the lock was acquired.
  type: float
  returned: when O(state=acquired) and not in check mode
was_ours:
  description: Whether this run held the lock when it was released.
  type: bool
  returned: when O(state=released) and not in check mode
holder:
  description: Identity of the present holder; empty for none.
  type: str
  returned: in check mode
"""
