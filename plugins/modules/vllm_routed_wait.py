#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_routed_wait
short_description: Waits until a router answers as the registry says
description:
  - Sends a tiny request through an API router until the answer comes from the registered revision, or until the right refusal comes,
    so often in a row that every replica of the router has taken the change over. Each request goes over a connection of its own.
  - Which revision answered is read from the headers C(x-vllm-revision) or C(x-litellm-model-id); the integrations of this collection send them.
    An answer that does not say it proves nothing.
  - Fails when O(wait_timeout) is over, with what was seen last; at once when the router refuses the key, its certificate is not trusted,
    or its address may not be spoken to.
  - With O(event_id) the time from that change to the first right answer is recorded as an event of its own, by the database's clock.
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
    description: Name to ask for.
    type: str
    required: true
  state:
    description:
      - V(routed) waits for an answer of O(revision).
      - V(refused) waits for HTTP 503, the answer for a model that is disabled, being deployed or failed.
      - V(unknown) waits for HTTP 404, the answer for a model that the registry does not have.
    type: str
    choices: [routed, refused, unknown]
    default: routed
  revision:
    description: Revision that has to answer. Needed with O(state=routed).
    type: str
  route_id:
    description: Identity of the registry's entry, for routers that tell it instead of the revision.
    type: str
  by_name:
    description: Ask for O(revision) by the header C(x-vllm-revision), for a revision that has a part of the traffic or none.
    type: bool
    default: false
  refusal:
    description: What a refusal has to contain, such as V(disabled). A router may be unable to answer for other reasons.
    type: str
  kind:
    description: What the model answers.
    type: str
    choices: [chat, completion, embedding]
    default: chat
  router_api_key:
    description: Key for the router, sent as a bearer token. Taken from E(VLLM_ROUTER_API_KEY) when not given.
    type: str
  router_ca_cert:
    description: Path of the CA certificate that signed the router's. The system's CAs when not given.
    type: path
  router_validate_certs:
    description: Whether the router's certificate is verified.
    type: bool
    default: true
  http_proxy:
    description: HTTP proxy to reach the router by. Proxy variables of the environment are not used.
    type: str
  allowed_networks:
    description: Networks such as V(127.0.0.0/8) that O(url) may lead to although they are loopback, link-local or reserved.
    type: list
    elements: str
    default: []
  consecutive:
    description: Right answers in a row that are needed. Several times the number of the router's replicas is a good choice.
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
    description: Seconds after which a line is printed although nothing changed.
    type: float
    default: 15.0
  event_id:
    description: RV(inference.vllm.vllm_registry#module:event_id) of the change. Without it nothing is recorded, and no database is needed.
    type: int
  actor:
    description: Who registered, for the event.
    type: str
  correlation_id:
    description: Job that registered, for the event.
    type: str
  git_commit:
    description: Commit of the inventory, for the event.
    type: str
attributes:
  check_mode:
    support: full
    details: Skipped in check mode, since nothing is registered then.
  diff_mode:
    support: N/A
    details: Only an event is added.
  idempotent:
    support: full
    details: A change that was recorded for this router is not recorded again.
  action:
    description: Runs in the controller, so that its progress is printed while it waits.
    support: full
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Let routers send to the new revision
  inference.vllm.vllm_registry:
    model: llama-3-8b
    environment: production
    revision: 5d5ea4d2b0c1
    endpoint: llama-3-8b-production.production.svc.cluster.local:8000
  register: entry

- name: Wait until the router does, and record after how many seconds
  inference.vllm.vllm_routed_wait:
    url: https://models.example.org
    model: llama-3-8b
    revision: "{{ entry.entry.deployment_revision }}"
    route_id: "{{ entry.entry.deployment_id }}"
    event_id: "{{ entry.event_id | default(omit) }}"
    consecutive: 12

- name: After disabling it, wait until the router refuses
  inference.vllm.vllm_routed_wait:
    url: https://models.example.org
    model: llama-3-8b
    state: refused
    refusal: disabled
"""

RETURN = r"""
requests:
  description: Requests that were sent.
  type: int
  returned: when the router was asked
consecutive:
  description: Right answers in a row at the end.
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
    kind:
      description: V(right), V(wrong), or V(permanent) when waiting does not help.
      type: str
    line:
      description: What it was, in words.
      type: str
      sample: an answer from revision 5d5ea4d2b0c1
    status:
      description: Its HTTP status; 0 when there was no answer.
      type: int
    revision:
      description: The revision that answered, as far as the answer tells.
      type: str
propagation_seconds:
  description: Seconds from the change to the first of the right answers, by the database's clock.
  type: float
  returned: when it was recorded
routed_event_id:
  description: The event that says so.
  type: int
  returned: when it was recorded
"""
