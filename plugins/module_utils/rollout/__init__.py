# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a rollout stands, why it does not go on, and the wait for its end.

Entry points: ``_state.judge`` (pure), ``_diagnosis`` (logs to causes, pure), ``_client.Watch``, ``_module`` (``vllm_rollout_wait``).
Imports ``cluster`` and ``lock``.
"""
