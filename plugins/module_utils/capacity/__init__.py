# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""GPU capacity: whether replicas of a pod fit on the cluster now, where, and if not, why; by the rules of the Kubernetes scheduler.

A question (``_question``) is answered (``_answer``) from a snapshot of the cluster (``_reader``, ``_context``), and the answer becomes
a result (``_report``, ``_words``). Everything but ``_reader``, ``_context`` and ``_query`` is pure.

Entry points: ``_module.SPEC`` and ``_module.run`` (``vllm_gpu_capacity``); ``_query.look`` for one answer in Python.
May import: ``_errors``, ``_deadline``, ``_spec``, ``cluster``.
"""
