# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The Kubernetes API: where it is, who we are there, and requests that end in time.

Entry points: ``_options`` (the options that modules share), ``_connection.connect`` (options, environment and kubeconfigs become one
``Connection``), ``_client.Client`` (requests), ``_portforward.forward`` (a pod's port) and ``_private_file.private_file`` (a secret as a
file that only this process and its child can open). May import: ``http``, ``_errors`` and ``_deadline``, no other room.
"""
