#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry
version_added: 1.0.0
short_description: Keep one model's entries in the registry that routers follow
description:
  - Registers a revision of a model, changes its status or weight, or removes it, in one transaction under a lock of the model and environment.
  - Of one model, environment and organization at most one revision is routable (C(ready) or C(degraded)), unless weights are set on purpose.
    A revision that becomes routable without O(weight) takes the whole traffic, and the others become C(superseded) in the same transaction.
  - Every change of a row leaves one event in C(model_deployment_events) and notifies the channel C(model_registry).
  - A run that changes nothing writes nothing. What counts as a change are endpoint, namespace, revision, bundle, status, weight, prices,
    display name, release, kind and reason; O(verification), O(bundle_content), O(release_revision), O(actor) and the like are written with a change only.
  - When the answer to C(COMMIT) is lost, the module reads its outcome from the database before it reports anything.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  model:
    description: Name of the model in requests.
    type: str
    required: true
  environment:
    description: Environment of the entry.
    type: str
    required: true
    choices: [development, staging, production]
  organization:
    description:
      - Organization that the entry is for.
      - When not given the default of the table's column C(organization_id), which is none unless the platform has one.
    type: str
  revision:
    description:
      - The registry's name for the bundle. Required for O(state=present).
      - With O(state=absent) and O(state=disabled) all revisions concerned when not given, with O(state=enabled) the one that is disabled.
    type: str
  state:
    description:
      - V(present) registers O(revision), with O(status).
      - V(absent) removes the entry of O(revision), or all entries of the model in this environment.
      - V(disabled) takes O(revision), or what is routable, out of the routing, with O(reason). It stays so until V(enabled), whatever is registered meanwhile.
      - V(enabled) makes a disabled or superseded revision routable again.
    type: str
    choices: [present, absent, enabled, disabled]
    default: present
  status:
    description:
      - Status to set with O(state=present). C(docs/registry.md) has the table of legal changes; any other is refused with a list of the legal ones.
      - In a disabled model V(ready) and V(degraded) are stored as C(disabled), with a warning.
    type: str
    choices: [pending, deploying, ready, degraded, failed, disabled, superseded]
    default: ready
  endpoint:
    description: Address of the model, as C(host:port) or an http(s) URL. Required for a revision that is not registered yet.
    type: str
  namespace:
    description: Kubernetes namespace of the release.
    type: str
  bundle:
    description: Digest of the bundle, C(sha256:) and 64 hexadecimal digits.
    type: str
  bundle_content:
    description: The bundle itself, as it was hashed.
    type: dict
  display_name:
    description: Display name.
    type: str
  input_cost_per_token:
    description: Price of one prompt token.
    type: float
  output_cost_per_token:
    description: Price of one generated token.
    type: float
  weight:
    description:
      - Percent of the traffic, for several routable revisions of one model. With two, the other one gets the rest; with more, each keeps its own weight.
      - When not given, a routable revision keeps its weight, and one that becomes routable takes the whole traffic.
    type: int
  release:
    description: Helm release.
    type: str
  release_revision:
    description: Helm revision of O(release).
    type: int
  reason:
    description: Reason; stored in the event, and with O(state=disabled), O(status=degraded) or O(status=failed) also in the entry, for routers to show.
    type: str
  kind:
    description: What the model does, for health checks and routers. An entry without a kind is probed as V(chat).
    type: str
    choices: [chat, completion, embedding]
  verification:
    description:
      - The result of M(inference.vllm.vllm_endpoint_verify); stored in the event.
      - With O(state=present) and O(status=ready) it is refused with the code C(evidence_mismatch) unless its C(verdict) is C(pass), and when its C(subject)
        (C(model), C(environment), C(namespace), C(release), C(bundle)) names another value than the options. A field that one side lacks is not compared.
    type: dict
  record_verification:
    description:
      - Whether O(verification) is recorded when nothing else changes too, as an event with the action C(verified).
        No row changes, and RV(ignore:changed) stays V(false); the event shows how old the last evidence is, by the database's clock.
    type: bool
    default: false
  actor:
    description:
      - Actor, a person or a job; recorded in the event beside the database's user.
      - By default the user of the AWX job (C(awx_user_name)), else the system's user.
    type: str
  correlation_id:
    description: Job or pipeline that the change belongs to; stored in the event. By default the AWX job (C(awx_job_id)).
    type: str
  git_commit:
    description: Commit of the inventory; stored in the event. By default the revision of the AWX project (C(awx_project_revision)).
    type: str
  expected_version:
    description: Refuse the change unless the entry has this C(deployment_version); V(0) means that the entry does not exist.
    type: int
seealso:
  - module: inference.vllm.vllm_registry_info
  - module: inference.vllm.vllm_registry_schema
"""

EXAMPLES = r"""
- name: Register what was deployed and verified
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: staging
    namespace: staging
    endpoint: llama-3-8b-staging.staging.svc.cluster.local:8000
    revision: 1f0c2a9b7d34
    bundle: sha256:1f0c2a9b7d34cdd1f5a1c1a8c0a6d8d0f2a45b9f6f9d4b7d3d9c3c1d5e6f7a8b
    release: llama-3-8b-staging
    verification: "{{ verified }}"
  register: registered

- name: Show what became routable
  ansible.builtin.debug:
    msg: "{{ registered.entry.model_name }} is {{ registered.entry.deployment_status }} at version {{ registered.version }}"

- name: Give a new revision a tenth of the traffic, the one before keeps the rest
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: production
    endpoint: llama-3-8b-canary.production.svc.cluster.local:8000
    revision: 5d5ea4d2b0c1
    weight: 10

- name: Take a model out of the routing
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: production
    state: disabled
    reason: answers are cut off since 14:00, see INC-2041

- name: Put it back, unless somebody changed it meanwhile
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: production
    state: enabled
    revision: 5d5ea4d2b0c1
    expected_version: 7
"""

RETURN = r"""
entry:
  description: The entry's row after the run, in check mode as it would be; for O(state=absent) none. Its keys are the columns of C(model_registry_entries).
  returned: success
  type: dict
  sample:
    deployment_id: 0d6f8f0e-52c6-4a6e-8f0b-3f3b8d7a4b9e
    model_name: llama-3-8b
    deployment_environment: staging
    deployment_revision: 1f0c2a9b7d34
    deployment_status: ready
    deployment_endpoint: llama-3-8b-staging.staging.svc.cluster.local:8000
    deployment_version: 3
routable:
  description: Whether routers may send requests to the entry.
  returned: success
  type: bool
version:
  description: C(deployment_version) of the entry after the run, V(0) when there is none. In check mode the present one.
  returned: success
  type: int
event_id:
  description: ID of the event of the entry's change.
  returned: when something changed, not in check mode
  type: int
event_ids:
  description: IDs of the events of all changes of the run, including those of revisions that became C(superseded).
  returned: when something changed, not in check mode
  type: list
  elements: int
change_id:
  description: Identifier that all events of the run share.
  returned: when something changed, not in check mode
  type: str
verified_event_id:
  description: ID of the event that records the verification, when nothing else changed.
  returned: with O(record_verification) and O(verification), when nothing else changed, not in check mode
  type: int
committed_at:
  description: The database's time at the change, or of the event RV(verified_event_id).
  returned: when an event was written, not in check mode
  type: str
superseded:
  description: Revisions that became C(superseded).
  returned: success
  type: list
  elements: str
"""

from ..module_utils._module import serve
from ..module_utils.registry._module_entry import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
