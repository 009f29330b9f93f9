#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_reconcile
version_added: 1.0.0
short_description: Compare the registry with the Helm releases and the endpoints, and fix differences
description:
  - Reads all rows of an environment, the deployed Helm releases of the chart in its namespaces and their live objects, and probes what is routable or runs.
  - Endpoint, served name, environment, revision and replicas of a release are read from the manifest that Helm recorded for it.
  - Without O(fix) nothing is changed. With it each difference that a rule covers is fixed by a change of the registry, under the release's lock,
    and only while nobody else has changed the row since. No release is ever changed or deleted, and no row is deleted.
  - A C(duplicate) is a release that several routable revisions claim, or a routable unmanaged row beside a managed one.
    The revision that runs keeps the traffic, the others become C(superseded).
  - An C(orphan) is a routable row whose release is gone. When its endpoint does not answer either, it becomes C(failed); when it answers, a person must decide.
  - A C(wrong_endpoint) is neither the release's Service nor listed in O(endpoints). It is corrected when the Service's pods answer.
  - A C(wrong_revision) is a row for another revision than its release runs. When the running one was routable before and answers, it becomes C(ready) again.
  - A C(dead) row is routable and its endpoint does not answer. It becomes C(failed) when another revision of the model answers and has traffic,
    else C(degraded).
  - An C(unregistered) release runs without a row. It gets a C(pending) row, which is never routable; the playbook C(register) verifies and registers it.
  - An C(unrouted) release answers and was routable before, but no revision of the model is; it becomes C(ready) again.
  - A C(drift) is a Deployment or Service that is missing or was changed by hand (image, command, arguments, replicas, selector, ports). Replicas that an
    HPA or a ScaledObject sets are not compared. It is never fixed here; the next deploy reverts it.
  - A model that is C(not_in_inventory) has a routable row or a release, and O(expected) does not list it. The playbook C(retire) removes it.
  - A difference that cannot be decided is V(inconclusive), and is never fixed.
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
    details: With O(fix) it reports what would be fixed.
  diff_mode:
    support: full
    details: The rows before and after, for each difference that was fixed.
  idempotent:
    support: full
options:
  environment:
    description: Environment to reconcile.
    type: str
    required: true
    choices: [development, staging, production]
  namespaces:
    description: Namespaces of the environment's releases. Those that rows name are always compared.
    type: list
    elements: str
    default: []
  model:
    description: Only these models.
    type: list
    elements: str
  charts:
    description: Names of charts whose releases serve models.
    type: list
    elements: str
    default: [vllm-deployment]
  releases:
    description: Whether Helm releases are compared. If not, only rows and endpoints are, for environments that are not deployed by Helm.
    type: bool
    default: true
  endpoints:
    description: Endpoints by model that intentionally differ from the release's Service, such as an ingress.
    type: dict
    default: {}
  expected:
    description: Models of the inventory. When given, routable rows and releases of other models are reported as C(not_in_inventory).
    type: list
    elements: str
  fix:
    description: Whether differences that a rule covers are fixed.
    type: bool
    default: false
  force:
    description:
      - Whether rows are set to C(failed) even when several releases are missing and none is found, which is what a wrong cluster looks like.
    type: bool
    default: false
  lock_wait_timeout:
    description: Seconds to wait for the lock of a release that has something to fix; a lock that is no longer renewed is taken over after its duration.
    type: int
    default: 150
  actor:
    description: Actor, a person or a job; recorded in the events. By default the user of the AWX job, else the system's user.
    type: str
  correlation_id:
    description: Identifier of the run, for the events. By default the AWX job.
    type: str
  fail_on:
    description: Outcomes that fail the task, so that the exit code shows whether anything differed. Leave out V(fixed) when only remaining differences matter.
    type: list
    elements: str
    choices: [fixed, remaining, inconclusive]
    default: [fixed, remaining, inconclusive]
requirements:
  - kubernetes >= 24.2.0 (Python package)
seealso:
  - module: inference.vllm.vllm_registry
  - module: inference.vllm.vllm_registry_health
"""

EXAMPLES = r"""
- name: Report the differences in staging
  inference.vllm.vllm_registry_reconcile:
    environment: staging
    namespaces: [staging]

- name: Fix what a rule covers, and fail for what remains
  inference.vllm.vllm_registry_reconcile:
    environment: staging
    namespaces: [staging]
    fix: true
    fail_on: [remaining, inconclusive]
"""

RETURN = r"""
differences:
  description: What differs, by model.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(duplicate), V(orphan), V(wrong_endpoint), V(wrong_revision), V(dead), V(unregistered), V(unrouted), V(drift)
        or V(not_in_inventory).
      type: str
    model:
      description: The model.
      type: str
    environment:
      description: Its environment.
      type: str
    revision:
      description: The revision concerned.
      type: str
    release:
      description: Its Helm release.
      type: str
    namespace:
      description: Namespace of the release.
      type: str
    message:
      description: What was observed, and the next step if no rule covers it.
      type: str
    outcome:
      description: V(fixed), V(remaining) or V(inconclusive).
      type: str
    error:
      description: Why the fix failed; empty when none was tried.
      type: str
    error_code:
      description: The code of RV(differences[].error).
      type: str
    code:
      description: The same as RV(differences[].kind), a code of C(docs/codes.md).
      type: str
    fixable:
      description: Whether a rule covers it.
      type: bool
    drifts:
      description: Of a C(drift), each C(object) and C(field) that differs, with its C(recorded) and C(live) value. A missing object has no field.
      type: list
      elements: dict
  sample:
    - kind: orphan
      model: llama-3-8b
      environment: staging
      revision: 1f0c2a9b7d34
      release: llama-3-8b-staging
      namespace: staging
      message: Helm has no deployed release llama-3-8b-staging in namespace staging, and Deployment staging/llama-3-8b-staging does not exist
      outcome: remaining
      error: ""
      error_code: ""
      code: orphan
      fixable: true
      drifts: []
counts:
  description: Number of differences by outcome.
  returned: always
  type: dict
  sample: {fixed: 0, remaining: 1, inconclusive: 0}
"""

from ..module_utils._module import serve
from ..module_utils.registry._module_reconcile import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
