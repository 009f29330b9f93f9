# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated vLLM server: the HTTP interface, command line, messages and life of vLLM 0.32.0, without a model."""

from __future__ import annotations

VERSION = "0.32.0"
