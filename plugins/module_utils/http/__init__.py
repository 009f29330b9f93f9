# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""HTTP/1.1 over ``http.client``'s parser, with one total deadline and one byte cap for everything that a server sends.

Entry points: ``_wire.Wire`` (a connection with its limits), ``_message.head`` and ``_message.body`` (a request's first lines, an answer's
whole body) and ``_dial.dial`` (a connected socket: TLS, another server name, a proxy). May import: ``_errors`` and ``_deadline``, no room.
"""
