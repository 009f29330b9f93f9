#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_routed_wait
version_added: 1.0.0
short_description: Wait until a router follows the registry
description:
  - Sends a tiny request through an API router until the registered revision answers, or until the expected refusal comes,
    enough times in a row that every replica of the router must have followed the change. Each request uses its own connection.
  - The revision that answered is read from the headers C(x-vllm-revision) or C(x-litellm-model-id); the integrations of this collection send them.
    An answer without either proves nothing.
  - Fails after O(wait_timeout) with the last answer. Fails at once when the router refuses the key, when its certificate is not trusted,
    and when its address is denied.
  - With O(event_id), the time from that change to the first matching answer is recorded as an event, by the database's clock.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
options:
  url:
    description: Base URL of the router, with or without C(/v1).
    type: str
    required: true
  model:
    description: Name of the model in the requests.
    type: str
    required: true
  state:
    description:
      - V(routed) waits for an answer of O(revision).
      - V(refused) waits for HTTP 503, the answer for a model that is disabled, being deployed or failed.
      - V(unknown) waits for HTTP 404, the answer for a model that is not in the registry.
    type: str
    choices: [routed, refused, unknown]
    default: routed
  revision:
    description: Revision that has to answer. Needed with O(state=routed).
    type: str
  route_id:
    description: ID of the registry entry, for routers that send it instead of the revision.
    type: str
  by_name:
    description: Request O(revision) by the header C(x-vllm-revision), for a revision that gets only part of the traffic, or none.
    type: bool
    default: false
  refusal:
    description: Text that the refusal must contain, such as V(disabled), since a router may refuse for other reasons.
    type: str
  kind:
    description: Kind of the model.
    type: str
    choices: [chat, completion, embedding]
    default: chat
  router_api_key:
    description: Key for the router, sent as a bearer token. Read from E(VLLM_ROUTER_API_KEY) when not given.
    type: str
  router_ca_cert:
    description: Path of the CA certificate for the router. Those of the system when not given.
    type: path
  router_validate_certs:
    description: Whether the router's certificate is verified.
    type: bool
    default: true
  http_proxy:
    description: URL of an HTTP proxy for the router. Proxy environment variables are ignored.
    type: str
  allowed_networks:
    description: Networks such as V(127.0.0.0/8) that O(url) may lead to although they are loopback, link-local or reserved.
    type: list
    elements: str
    default: []
  consecutive:
    description: Number of matching answers in a row. Use several times the number of router replicas.
    type: int
    default: 3
  wait_timeout:
    description: Seconds to wait.
    type: float
    default: 120.0
  request_timeout:
    description: Seconds for one request.
    type: float
    default: 10.0
  progress_seconds:
    description: Seconds after which a progress line is printed even when nothing has changed.
    type: float
    default: 15.0
  event_id:
    description: RV(inference.vllm.vllm_registry#module:event_id) of the change. When not given, nothing is recorded and no database is needed.
    type: int
  actor:
    description: Actor recorded in the event. By default the user of the AWX job, else the system's user.
    type: str
  correlation_id:
    description: Identifier of the run, for the event. By default the AWX job.
    type: str
  git_commit:
    description: Commit of the inventory, for the event. By default the revision of the AWX project.
    type: str
attributes:
  check_mode:
    support: full
    details: Skipped in check mode, because nothing is registered then.
  diff_mode:
    support: N/A
    details: Only an event is added.
  idempotent:
    support: full
    details: A change that is already recorded for this router is not recorded again.
  action:
    description: Runs on the controller, so that its progress is printed while it waits.
    support: full
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Register the new revision
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: production
    revision: 5d5ea4d2b0c1
    endpoint: llama-3-8b-production.production.svc.cluster.local:8000
  register: entry

- name: Wait until the router follows, and record how long it took
  inference.vllm.vllm_routed_wait:
    url: https://models.example.org
    model: llama-3-8b
    revision: "{{ entry.entry.deployment_revision }}"
    route_id: "{{ entry.entry.deployment_id }}"
    event_id: "{{ entry.event_id | default(omit) }}"
    consecutive: 12

- name: Wait until the router refuses a model that was disabled
  inference.vllm.vllm_routed_wait:
    url: https://models.example.org
    model: llama-3-8b
    state: refused
    refusal: disabled
"""

RETURN = r"""
requests:
  description: Number of requests sent.
  type: int
  returned: when the router was asked
consecutive:
  description: Number of matching answers in a row at the end.
  type: int
  returned: when the router was asked
waited:
  description: Seconds from the start of the task to the first of them.
  type: float
  returned: when the router was asked
last:
  description: The last answer.
  type: dict
  returned: when the router was asked
  contains:
    verdict:
      description: V(pass) for a matching answer, V(inconclusive) while waiting may help, V(fail) when it does not.
      type: str
    code:
      description: V(ok), or why the answer does not match, such as V(wrong_revision), V(unknown_revision) or V(http_status).
      type: str
    line:
      description: The answer in words.
      type: str
      sample: an answer from revision 5d5ea4d2b0c1
    status:
      description: Its HTTP status; 0 when there was no answer.
      type: int
    revision:
      description: The revision that answered, when the answer names it.
      type: str
propagation_seconds:
  description: Seconds from the change to the first matching answer, by the database's clock.
  type: float
  returned: when it was recorded
routed_event_id:
  description: ID of the event that records it.
  type: int
  returned: when it was recorded
"""
