# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One Helm release: what is recorded of it, what is live, what a change of it would do, and the change itself.

Entry points: ``_planner.look`` (reads, and makes the plan), ``_apply.apply`` and ``_apply.roll_back`` (write),
``_preflight.before_plan`` and ``_preflight.of_rendered`` (refuse).
Imports ``bundle``, ``change``, ``cluster`` and ``lock``.
"""
