# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: setting
author:
  - The inference.vllm authors (@inference-vllm)
version_added: 1.0.0
short_description: Read one of the collection's settings from the inventory
description:
  - Returns the variable C(vllm_{name}), or O(default) when the inventory does not have it.
  - Unlike the filter P(ansible.builtin.default#filter), it never uses the default for a variable that exists. An undefined variable
    inside its value is an error, and so is a key without a value.
options:
  _terms:
    description: Name of the setting, without C(vllm_).
    required: true
  default:
    description: Value of the setting when the inventory does not have it. Without a default the setting is required.
    type: raw
"""

EXAMPLES = r"""
- name: Show how many replicas the inventory asks for
  ansible.builtin.debug:
    msg: "{{ lookup('inference.vllm.setting', 'replicas', default=1) }}"
"""

RETURN = r"""
_raw:
  description: The value of the setting.
  type: list
  elements: raw
"""

import typing as t

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.lookup import LookupBase

_MISSING = object()


class LookupModule(LookupBase):
    def run(self, terms: list[t.Any], variables: t.Any = None, **options: t.Any) -> list[t.Any]:
        default = options.get("default", _MISSING)
        return [self._one(f"vllm_{term}", variables or {}, default) for term in terms]

    def _one(self, name: str, variables: t.Mapping[str, t.Any], default: t.Any) -> t.Any:
        if name not in variables:
            if default is _MISSING:
                raise AnsibleError(f"{name} is required: set it in the inventory")
            return default
        try:
            value = self._templar.template(variables[name])
        except AnsibleUndefinedVariable as error:
            raise AnsibleError(f"{name} cannot be read: {error}; define what it refers to, or remove it") from error
        if value is None:
            raise AnsibleError(f"{name} has no value: give it one, or remove the line")
        return value
