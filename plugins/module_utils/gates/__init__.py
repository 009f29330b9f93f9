# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Judges measurements against limits. Pure: no clock, no network, and no idea of what was measured.

Entry points: ``_gate.parse`` (the option ``gates`` to Gates), ``_judge.judge`` (a Gate and Measurements to an entry with verdict and code),
``_confidence.needed`` (how many samples prove a percentile) and ``_statistics.percentile``. Whoever measures makes the Measurements.
May import: the files beside the rooms.
"""
