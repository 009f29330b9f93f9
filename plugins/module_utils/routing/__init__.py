# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Proves that an API router follows the registry: asks it until it answers as the registry says, on every replica.

Entry points: ``_module.SPEC`` and ``_module.run`` (``vllm_routed_wait``), ``_prove.prove`` (the same without Ansible), ``_decide.judged`` (pure).
May import: the files beside the rooms, endpoint, registry (to record how long the router took).
"""
