#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_info
short_description: Read the registry that routers follow
description:
  - Lists the entries of C(model_registry_entries) that the registry keeps, by model, environment and newest change first.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.reads_only
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
options:
  model:
    description: Only entries of these models.
    type: list
    elements: str
  environment:
    description: Only entries of these environments.
    type: list
    elements: str
    choices: [development, staging, production]
  status:
    description: Only entries with one of these statuses.
    type: list
    elements: str
    choices: [pending, deploying, ready, degraded, failed, disabled, superseded]
  revision:
    description: Only entries of these revisions.
    type: list
    elements: str
  organization:
    description: Only entries of these organisations.
    type: list
    elements: str
  limit:
    description: At most this many entries.
    type: int
    default: 1000
  offset:
    description: Leave out this many entries first, to read on where a page ended.
    type: int
    default: 0
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: What is routable in production
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
"""

RETURN = r"""
entries:
  description: The rows; their keys are the columns of C(model_registry_entries) that the registry keeps.
  returned: success
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
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import Error
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._query import entries, query_options
from ..module_utils.registry._store import plain
from ..module_utils.registry._target import target


def main() -> None:
    module = AnsibleModule(argument_spec={**registry_options(), **query_options()}, supports_check_mode=True)
    filters = {name: module.params[name] for name in ("model", "environment", "status", "revision", "organization")}
    try:
        found = entries(target(module.params), filters, limit=module.params["limit"], offset=module.params["offset"])
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, entries=plain(found))


if __name__ == "__main__":
    main()
