# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_version
short_description: Version of an installed collection
description:
  - Reads the version that a collection was installed with; an empty string when it is not installed or names none.
author:
  - The inference.vllm authors (@inference-vllm)
options:
  _terms:
    description: Fully qualified names of collections.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show which kubernetes.core drives Helm
  ansible.builtin.debug:
    msg: "{{ lookup('inference.vllm.collection_version', 'kubernetes.core') }}"
"""

RETURN = r"""
_raw:
  description: One version a collection, in the order asked.
  type: list
  elements: str
"""

import importlib.resources
import json
import typing as t

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        return [version(term) for term in terms]


def version(collection: str) -> str:
    """From the collection's MANIFEST.json, which every installed collection carries."""
    try:
        text = importlib.resources.files(f"ansible_collections.{collection}").joinpath("MANIFEST.json").read_text()
        return str(json.loads(text)["collection_info"]["version"] or "")
    except (ImportError, OSError, KeyError, ValueError):
        return ""
