#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_health
short_description: Probe what routers send to, and write what was found into the registry
description:
  - Asks each C(ready) and C(degraded) entry of an environment for a short completion, several at a time.
  - Writes C(last_health_check_at) and counts failures in a row, over all runs, in C(deployment_health_failures).
  - After O(degrade_after) failures an entry becomes C(degraded), which routers still send to and people see; when it answers again it becomes C(ready).
    An entry that a person called degraded stays so.
  - With O(fail_after) an entry that goes on failing becomes C(failed), which takes it out of the routing; but never the last one of its model
    that answers or might, unless O(force).
  - What cannot be found out is V(inconclusive), and nothing is written of it. A name that does not resolve from here, a refused key and a cluster that
    cannot be reached say nothing about the model.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
  - inference.vllm._probe
attributes:
  check_mode:
    support: full
    details: Probes, and reports which statuses it would change.
  diff_mode:
    support: none
    details: RV(entries) has the status before and after.
  idempotent:
    support: full
    details: RV(ignore:changed) is about statuses. The time of the check and the count of failures are written each time.
options:
  environment:
    description: Environment whose entries are probed.
    type: str
    required: true
    choices: [development, staging, production]
  model:
    description: Only these models.
    type: list
    elements: str
  degrade_after:
    description: Failures in a row after which a C(ready) entry becomes C(degraded).
    type: int
    default: 3
  fail_after:
    description: Failures in a row after which an entry becomes C(failed) and leaves the routing. V(0) is never; else it must be above O(degrade_after).
    type: int
    default: 0
  force:
    description: Whether O(fail_after) may take out the last revision of a model too.
    type: bool
    default: false
  actor:
    description: Who asks, a person or a job; stored in the events. By default the user of the AWX job, else the system's user.
    type: str
  correlation_id:
    description: Job that the check belongs to; stored in the events. By default the AWX job.
    type: str
  fail_on:
    description: Verdicts that fail the task.
    type: list
    elements: str
    choices: [fail, inconclusive]
    default: [inconclusive]
requirements:
  - kubernetes >= 24.2.0 (Python package; only for the way by port-forward)
seealso:
  - module: inference.vllm.vllm_registry
  - module: inference.vllm.vllm_registry_reconcile
  - module: inference.vllm.vllm_endpoint_verify
"""

EXAMPLES = r"""
- name: Probe everything that routers send to in production
  inference.vllm.vllm_registry_health:
    environment: production
  register: health

- name: Say who does not answer
  ansible.builtin.debug:
    msg: "{{ item.model }} {{ item.revision }}: {{ item.message }}"
  loop: "{{ health.entries | rejectattr('verdict', 'eq', 'pass') }}"
  loop_control:
    label: "{{ item.model }}"
"""

RETURN = r"""
entries:
  description: What was probed, by model.
  returned: always
  type: list
  elements: dict
  contains:
    model:
      description: The model.
      type: str
    environment:
      description: Its environment.
      type: str
    organization:
      description: Organization of the entry, if it has one.
      type: str
    revision:
      description: The revision.
      type: str
    endpoint:
      description: Its endpoint in the registry.
      type: str
    verdict:
      description: V(pass), V(fail) or V(inconclusive).
      type: str
    message:
      description: What was seen.
      type: str
    code:
      description: Why it did not pass, or why its status could not be changed, as a code of C(docs/codes.md); empty when it passed.
      type: str
    failures:
      description: Failures in a row, with those of earlier runs; null when nothing was found out.
      type: int
    previous_status:
      description: Status before.
      type: str
    status:
      description: Status after, in check mode as it would be.
      type: str
  sample:
    - model: llama-3-8b
      environment: production
      revision: 1f0c2a9b7d34
      verdict: fail
      message: Deployment production/llama-3-8b-production has no ready pod (2 wanted)
      code: no_ready_pod
      failures: 3
      previous_status: ready
      status: degraded
counts:
  description: How many passed, failed, and were inconclusive.
  returned: always
  type: dict
  sample: {pass: 4, fail: 1, inconclusive: 0}
notes:
  description: Entries that go on failing and were spared, since they are the last of their model.
  returned: always
  type: list
  elements: str
"""

from ..module_utils._module import serve
from ..module_utils.registry._module_health import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
