# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One JSON line for each request that reached the engine: what really happened, for benchmarks to compare with."""

from __future__ import annotations

import json
import os
import time
import typing as t


class Truth:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if path else None
        self._offset = time.time() - time.monotonic()

    def wall(self, monotonic: float | None) -> float | None:
        return None if monotonic is None else round(monotonic + self._offset, 6)

    def write(self, record: dict[str, t.Any]) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(record, separators=(",", ":")).encode() + b"\n")

    @property
    def wanted(self) -> bool:
        return self._file is not None
