# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m lab.engine serve MODEL ...`` stands in for ``vllm serve MODEL ...``."""

from __future__ import annotations

import sys

from ._boot import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
