# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is deployed, made canonical and hashed.

Entry points: ``_bundle.make`` (values to bundle), ``_bundle.values_of`` (its inverse), ``_chart.read`` (a chart from its folder).
Imports nothing of the other rooms.
"""
