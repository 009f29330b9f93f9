# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The release lock: one run at a time on a release, across users, hosts and AWX jobs.

Entry points: ``_lock.Lock`` (acquire, renew, release), ``_keeper.held`` (hold it for as long as one process works), ``_module`` (``vllm_lock``).
Imports ``cluster``.
"""
