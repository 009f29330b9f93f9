#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_info
version_added: 1.0.0
short_description: Read the registry that routers follow
description:
  - Lists the entries of C(model_registry_entries) that the registry manages, the routes that routers see, the events, or the history of states,
    filtered, sorted and in pages.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.reads_only
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
options:
  what:
    description:
      - V(entries), by model, environment and newest change first.
      - V(routes), the view C(model_routes) that routers read, by model, environment and largest share first.
      - V(events), all changes with their actors, newest first.
      - V(status), the entries with their age, last health check and last event, also as a printable RV(table).
      - V(history), each state of each entry with C(valid_from) and C(valid_to), newest first; with O(at), what was routable at that moment.
    type: str
    choices: [entries, routes, events, history, status]
    default: entries
  model:
    description: Only rows of these models.
    type: list
    elements: str
  environment:
    description: Only rows of these environments.
    type: list
    elements: str
    choices: [development, staging, production]
  status:
    description: Only rows with one of these statuses.
    type: list
    elements: str
    choices: [pending, deploying, ready, degraded, failed, disabled, superseded]
  revision:
    description: Only rows of these revisions.
    type: list
    elements: str
  organization:
    description: Only rows of these organizations.
    type: list
    elements: str
  action:
    description:
      - With O(what=events) or O(what=history), only these actions, such as C(registered), C(status), C(disabled), C(removed).
      - Events also have the actions C(routed), a router followed a change, and C(verified), fresh evidence without a change.
    type: list
    elements: str
  superseded:
    description: With O(what=status), list superseded revisions too.
    type: bool
    default: false
  print_table:
    description: With O(what=status), print the table while the task runs, where it runs in the controller (connection C(local)).
    type: bool
    default: false
  at:
    description: With O(what=history), what was routable at this moment, such as V(2026-11-21T14:00:00+00:00).
    type: str
  since:
    description: With O(what=events) or O(what=history), only what happened at this moment or later.
    type: str
  until:
    description: With O(what=events) or O(what=history), only what happened before this moment.
    type: str
  limit:
    description: At most this many rows.
    type: int
    default: 1000
  offset:
    description: Skip this many rows, to continue where a page ended.
    type: int
    default: 0
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Read what is routable in production
  inference.vllm.vllm_registry_info:
    environment: [production]
    status: [ready, degraded]
  register: routable

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.model_name }} {{ item.deployment_revision }} at {{ item.deployment_endpoint }}"
  loop: "{{ routable.entries }}"
  loop_control:
    label: "{{ item.model_name }}"

- name: Read who changed it in the last days
  inference.vllm.vllm_registry_info:
    what: events
    model: [llama-3-8b]
    environment: [production]
    since: "2026-11-18T00:00:00+00:00"

- name: Read what answered users when the incident began
  inference.vllm.vllm_registry_info:
    what: history
    at: "2026-11-21T14:00:00+00:00"
    environment: [production]
"""

RETURN = r"""
entries:
  description: The rows; their keys are the columns of C(model_registry_entries) that the registry manages.
  returned: with O(what=entries)
  type: list
  elements: dict
  sample:
    - deployment_id: 0d6f8f0e-52c6-4a6e-8f0b-3f3b8d7a4b9e
      model_name: llama-3-8b
      deployment_environment: production
      deployment_revision: 1f0c2a9b7d34
      deployment_status: ready
      deployment_endpoint: llama-3-8b-production.production.svc.cluster.local:8000
      deployment_version: 3
routes:
  description: The rows of C(model_routes).
  returned: with O(what=routes)
  type: list
  elements: dict
  sample:
    - model_name: llama-3-8b
      environment: production
      revision: 1f0c2a9b7d34
      routable: true
      http_status: 200
      url: http://llama-3-8b-production.production.svc.cluster.local:8000
      share: 1.0
      is_default: true
events:
  description: The rows of C(model_deployment_events).
  returned: with O(what=events)
  type: list
  elements: dict
  sample:
    - event_id: 118
      occurred_at: "2026-11-21T13:58:02.118+00:00"
      action: disabled
      model_name: llama-3-8b
      deployment_environment: production
      deployment_revision: 1f0c2a9b7d34
      actor: ada
      database_user: vllm_operator
      reason: see INC-2041
status:
  description: The entries. Beside the columns of C(model_registry_entries) C(age) and C(checked), seconds since the last change and health check, and C(event).
  returned: with O(what=status)
  type: list
  elements: dict
  sample:
    - model_name: llama-3-8b
      deployment_environment: production
      deployment_revision: 1f0c2a9b7d34
      deployment_status: ready
      deployment_weight: 100
      age: 4210.5
      checked: 31.2
      event: {action: registered, actor: ada, age: 4210.5, reason: null}
table:
  description: The same as a table to print, one line per entry.
  returned: with O(what=status)
  type: str
history:
  description: The rows of C(model_history).
  returned: with O(what=history)
  type: list
  elements: dict
  sample:
    - event_id: 117
      model_name: llama-3-8b
      environment: production
      revision: 1f0c2a9b7d34
      status: ready
      weight: 100
      valid_from: "2026-11-20T09:12:44.002+00:00"
      valid_to: "2026-11-21T13:58:02.118+00:00"
      actor: ada
"""

from ..module_utils._module import serve
from ..module_utils.registry._module_info import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
