# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test asks the simulation to do wrong, and the pace at which it works. The table of names is in README.md."""

from __future__ import annotations

import dataclasses
import typing as t

from ._random import Distribution

PREFIX = "LAB_ENGINE_"
START_FAULTS = ("never_ready", "gpu_memory", "kv_cache", "gated", "unauthorized", "hub", "shm", "crash")
STREAM_FAULTS = ("none", "cut", "drip", "endless")
ON_SIGTERM = ("hang", "abort", "error", "race")


_LOAD, _TTFT, _STEP, _LENGTH = (Distribution.parse(text) for text in ("1..2", "5~0.2", "2~0.1", "128~0.5"))


@dataclasses.dataclass(slots=True)
class Faults:
    """Every field may be set by ``LAB_ENGINE_<NAME>`` at start; those not in START_ONLY also by the control port or file."""

    seed: int = 0
    load_seconds: Distribution = _LOAD
    start_fault: str = ""
    truth: str = ""
    control: str = ""
    control_port: int = 0
    model: str = "check"
    ttft_ms: Distribution = _TTFT
    prefill_us: float = 20.0
    itl_ms: Distribution = _STEP
    output_tokens: Distribution = _LENGTH
    sigterm: str = "hang"
    watchdog_seconds: float = 5.0
    broken_after: int = -1
    error_rate: float = 0.0
    slow_factor: float = 1.0
    slow_after: float = 0.0
    dead_after: float = -1.0
    memory_mb_per_second: float = 0.0
    memory_max_mb: float = 1024.0
    stream_fault: str = "none"
    stream_after: int = 2
    drip_seconds: float = 1.0
    wrong_name: str = ""
    stalled: bool = False

    START_ONLY: t.ClassVar[tuple[str, ...]] = ("seed", "load_seconds", "start_fault", "truth", "control", "control_port", "model")

    def set(self, name: str, value: t.Any) -> None:
        """Raises ValueError with a sentence when the name or the value is none."""
        if name not in FIELDS:
            raise ValueError(f"{PREFIX}{name.upper()} is not a setting of the simulated engine; it knows {', '.join(sorted(FIELDS))}")
        setattr(self, name, _read(name, getattr(self, name), value))


FIELDS = frozenset(field.name for field in dataclasses.fields(Faults))
# Settings that _settings.py reads, not this file.
_ELSEWHERE = ("model_max_len", "kv_tokens")
_CHOICES = {"start_fault": ("", *START_FAULTS), "stream_fault": STREAM_FAULTS, "sigterm": ON_SIGTERM, "model": ("check", "present")}


def _read(name: str, default: t.Any, value: t.Any) -> t.Any:
    text = str(value)
    if isinstance(default, Distribution):
        return Distribution.parse(text)
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, (int, float)):
        return type(default)(text)
    if name in _CHOICES and text not in _CHOICES[name]:
        raise ValueError(f"{PREFIX}{name.upper()}={text!r}: it takes {', '.join(choice or 'nothing' for choice in _CHOICES[name])}")
    return text


def faults_from(environ: t.Mapping[str, str]) -> Faults:
    faults = Faults()
    for key, value in environ.items():
        name = key.removeprefix(PREFIX).lower()
        if key.startswith(PREFIX) and name not in _ELSEWHERE:
            faults.set(name, value)
    return faults
