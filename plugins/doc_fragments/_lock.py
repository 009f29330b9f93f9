# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lock:
    description:
      - Name of the release whose lock this run holds (M(inference.vllm.vllm_lock)). It is renewed before anything is
        changed and while waiting, and the task fails when it was lost.
      - When not given, no lock is renewed.
    type: str
  lock_duration:
    description: Seconds of the lease when it is renewed.
    type: int
    default: 120
"""
