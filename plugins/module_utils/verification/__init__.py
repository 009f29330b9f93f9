# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Verifies an endpoint: its checks, its measurements as evidence for gates, one verdict, and the files that report it.

Entry points: ``_module.SPEC`` and ``_module.run`` (``vllm_endpoint_verify``), ``_verification.verification`` (the same without Ansible).
May import: the files beside the rooms, cluster, endpoint, gates.
"""
