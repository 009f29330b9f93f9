# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: outcome_table
author:
  - The inference.vllm authors (@inference-vllm)
version_added: 1.0.0
short_description: Show the outcomes of a run over many models as a table
description:
  - One line for each model with its result, code and next step, failures last.
options:
  _input:
    description: Results of M(inference.vllm.vllm_apply) by host name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the outcome of each model
  ansible.builtin.debug:
    msg: "{{ results | inference.vllm.outcome_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
"""

import typing as t

from ..module_utils.apply._table import table


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"outcome_table": table}
