# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks an OpenAI-compatible endpoint: the prober, its checks, its timed load, and the transports that lead there.

Entry points: ``_options.plan`` (options to a VerificationPlan), ``_route.find`` (options to a Route: transports, and what they lead to),
``_verify.verify`` (the checks and the load, as findings and samples), ``_http.HttpSession`` (one request) and ``_answers`` (is this an answer?).
Knows no gate and judges no measurement. May import: the files beside the rooms, cluster, rollout (which ReplicaSet is the newest).
"""
