#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_status
short_description: Print the registry as a table for people
description:
  - One line an entry with model, environment, revision, status, weight, endpoint, age, last health check and last event.
  - Ages are by the database's clock. Superseded revisions are left out unless O(superseded).
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.reads_only
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
attributes:
  action:
    description: With a local connection it runs in the controller and prints RV(table); elsewhere it returns it.
    support: full
options:
  environment:
    description: Only these environments.
    type: list
    elements: str
    choices: [development, staging, production]
  model:
    description: Only these models.
    type: list
    elements: str
  organization:
    description: Only entries of these organisations.
    type: list
    elements: str
  superseded:
    description: Whether superseded revisions are listed too.
    type: bool
    default: false
seealso:
  - module: inference.vllm.vllm_registry_info
"""

EXAMPLES = r"""
- name: What is where
  inference.vllm.vllm_registry_status:

- name: All revisions that production ever had
  inference.vllm.vllm_registry_status:
    environment: [production]
    superseded: true
"""

RETURN = r"""
table:
  description: The table, as it is printed.
  returned: success
  type: str
entries:
  description:
    - The rows. Beside the columns of C(model_registry_entries) C(age) and C(checked), seconds since the last change and health check, and C(event).
  returned: success
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
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import Error
from ..module_utils.registry._options import registry_options
from ..module_utils.registry._store import plain
from ..module_utils.registry._table import read, status_options, table
from ..module_utils.registry._target import target


def main() -> None:
    module = AnsibleModule(argument_spec={**registry_options(), **status_options()}, supports_check_mode=True)
    try:
        entries = read(target(module.params), module.params)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, table=table(entries), entries=plain(entries))


if __name__ == "__main__":
    main()
