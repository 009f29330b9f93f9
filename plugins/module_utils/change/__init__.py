# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The types that one change of a model passes through, each with ``read(document)`` and ``document()``. Pure.

``Where`` (what is deployed where, read from what was rendered), ``Plan`` (what will be done), ``Evidence`` (what was verified, with its
subject), ``Outcome`` (what was done and what serves now), and ``release_name`` (a model's name as a release). Imports ``bundle`` alone.
"""
