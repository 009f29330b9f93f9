# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Proves that a router follows the registry: asks it until its answers are what the registry says, and records how long that took.

Entry points: ``_module`` (``vllm_routed_wait``) and ``_prove.prove``. Pure decisions: ``_decide``.

May import: bundle, change, cluster, release, lock, endpoint, gates, registry.
"""
