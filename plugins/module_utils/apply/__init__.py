# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One model's release from request to record: lock, preflight, release, rollout, verification, record, and recovery when one of them fails.

Entry points: ``_module`` (``vllm_apply``), ``_table.table`` (outcomes of a run, for people). One process does it all for one model, so no model
waits for another one's rollout or recovery. Imports all other rooms; none imports it.
"""
