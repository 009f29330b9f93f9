#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_registry_schema
version_added: 1.0.0
short_description: Bring the registry's database schema to a version
description:
  - Applies migration files C(YYYYMMDDHHMMSS_name.up.sql) and C(.down.sql), each in one transaction together with its version.
  - The version is kept as golang-migrate keeps it, in the same table and under the same advisory lock,
    so that either tool can continue where the other stopped.
  - A table that the platform already has is extended, never replaced; reversing the migrations restores it.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._registry
attributes:
  check_mode:
    support: full
    details: Lists the migrations that would run.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  path:
    description: Directory of the migration files.
    type: path
    required: true
  state:
    description: Whether to go to the latest migration, or to O(version).
    type: str
    choices: [latest, version]
    default: latest
  version:
    description: Version to go to with O(state=version); V(0) reverses all migrations.
    type: int
  allow_down:
    description: Whether migrations may be reversed. The data of the reversed ones is lost.
    type: bool
    default: false
  migrations_table:
    description:
      - Table that holds the version.
      - Give another one where C(schema_migrations) belongs to the platform's own migrations; golang-migrate calls it C(x-migrations-table).
    type: str
    default: schema_migrations
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Bring the schema up to date
  inference.vllm.vllm_registry_schema:
    path: "{{ role_path }}/files/migrations"
  register: schema

- name: Show what ran
  ansible.builtin.debug:
    msg: "version {{ schema.previous_version }} to {{ schema.version }} by {{ schema.applied | length }} migrations"

- name: Reverse all migrations
  inference.vllm.vllm_registry_schema:
    path: "{{ role_path }}/files/migrations"
    state: version
    version: 0
    allow_down: true
"""

RETURN = r"""
version:
  description: Version of the schema after the run, in check mode as it would be.
  returned: success
  type: int
  sample: 20261121100200
previous_version:
  description: Version of the schema before.
  returned: success
  type: int
applied:
  description: The migrations that ran, or would, in order.
  returned: success
  type: list
  elements: dict
  contains:
    version:
      description: Version of the migration.
      type: int
    name:
      description: Name of the migration.
      type: str
    direction:
      description: V(up) or V(down).
      type: str
"""

from ..module_utils._module import serve
from ..module_utils.registry._module_schema import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
