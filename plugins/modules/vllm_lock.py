#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_lock
short_description: A lock on a release across users, hosts and AWX jobs
description:
  - Takes, renews or gives back a C(coordination.k8s.io) Lease per release, so that two people, two AWX jobs, or a rollback
    during a deploy never work on one release at a time.
  - Written by compare-and-set on the object's resource version. Whoever finds the lease held waits, is told by whom, and takes
    it over once it has stood unchanged for its whole duration by the waiter's own clock; no clocks of two machines are compared.
  - An owner on the same machine whose process has ended (killed, or the machine's user pressed Ctrl-C twice) is replaced at once.
  - The owner is the process that runs the playbook, so all tasks of one run on one release share the lease.
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
      - V(acquired) takes the lease, waiting for it when somebody holds it; it renews a lease that this run already holds.
      - V(renewed) fails when the lease is not this run's any more; then nothing more may be changed.
      - V(released) gives it back, and does nothing when it is not this run's.
    type: str
    choices: [acquired, renewed, released]
    default: acquired
  reason:
    description: What the lock is held for; shown to whoever waits.
    type: str
    default: ""
  duration:
    description: Seconds that the lease must stand unchanged before somebody else may take it over.
    type: int
    default: 120
  wait_timeout:
    description: Seconds to wait for a lease that somebody else holds; then the task fails and names the owner.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
    details: Takes nothing in check mode; returns RV(holder).
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
- name: Acquire the release lock on the release
  inference.vllm.vllm_lock:
    name: llama-3-8b-staging
    namespace: staging
    reason: resize for the demo

- name: Give it back
  inference.vllm.vllm_lock:
    name: llama-3-8b-staging
    namespace: staging
    state: released
"""

RETURN = r"""
takeover:
  description: From whom the lease was taken over and why; empty when it was free.
  type: str
  returned: when O(state=acquired) and not in check mode
waited:
  description: Seconds until the lease was taken.
  type: float
  returned: when O(state=acquired) and not in check mode
was_ours:
  description: Whether the lease was this run's when it was given back.
  type: bool
  returned: when O(state=released) and not in check mode
holder:
  description: Identity of the present holder; empty for none.
  type: str
  returned: in check mode
"""
