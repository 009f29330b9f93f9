#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_health
version_added: 1.0.0
short_description: Probe every routable model, and write the result into the registry
description:
  - Asks each C(ready) and C(degraded) entry of an environment for a short answer, several at a time.
  - Writes C(last_health_check_at) and counts failures in a row, over all runs, in C(deployment_health_failures).
  - After O(degrade_after) failures an entry becomes C(degraded); routers still send to it. When it answers again it becomes C(ready).
    An entry that a person set to C(degraded) stays so.
  - With O(fail_after) an entry that keeps failing becomes C(failed), which takes it out of the routing; but never when it is the last one of its model,
    unless O(force) is set.
  - A probe that cannot decide is V(inconclusive), and nothing is written for it. A name that does not resolve here, a refused key and a cluster that
    cannot be reached prove nothing about the model.
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
    details: RV(ignore:changed) refers to statuses. The time of the check and the number of failures are written each time.
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
    description: Failures in a row after which an entry becomes C(failed) and leaves the routing. V(0) means never; otherwise it must be above O(degrade_after).
    type: int
    default: 0
  force:
    description: Whether O(fail_after) may remove the last revision of a model too.
    type: bool
    default: false
  actor:
    description: Actor, a person or a job; recorded in the events. By default the user of the AWX job, else the system's user.
    type: str
  correlation_id:
    description: Identifier of the run, for the events. By default the AWX job.
    type: str
  fail_on:
    description: Verdicts that fail the task.
    type: list
    elements: str
    choices: [fail, inconclusive]
    default: [inconclusive]
requirements:
  - kubernetes >= 24.2.0 (Python package; only for O(via=port_forward))
seealso:
  - module: inference.vllm.vllm_registry
  - module: inference.vllm.vllm_registry_reconcile
  - module: inference.vllm.vllm_endpoint_verify
"""

EXAMPLES = r"""
- name: Probe every routable model of production
  inference.vllm.vllm_registry_health:
    environment: production
  register: health

- name: Show the models that do not answer
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
      description: What was observed.
      type: str
    code:
      description: Why it did not pass, or why its status could not be changed, as a code of C(docs/codes.md); empty when it passed.
      type: str
    failures:
      description: Failures in a row, including those of earlier runs; null when the probe could not decide.
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
  description: Number of entries by verdict.
  returned: always
  type: dict
  sample: {pass: 4, fail: 1, inconclusive: 0}
notes:
  description: Entries that keep failing and stay routable because they are the last of their model.
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
