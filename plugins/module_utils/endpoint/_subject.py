# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One server, and what it is expected to be. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._http import HttpSession
from ._stream import Ask

# What dashboards, alerts and gates are made of; http_requests_total is the only trustworthy error counter.
SERIES = (
    "http_requests_total",
    "vllm:e2e_request_latency_seconds_bucket",
    "vllm:inter_token_latency_seconds_bucket",
    "vllm:kv_cache_usage_perc",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:request_success_total",
    "vllm:time_to_first_token_seconds_bucket",
)


@dataclasses.dataclass(frozen=True)
class Golden:
    """A prompt and what its answer must be: ``how`` is exact, prefix, regex, json_schema or same (as the reference's)."""

    prompt: str
    how: str
    expected: t.Any
    max_tokens: int


@dataclasses.dataclass(frozen=True)
class Extras:
    """What only some checks need. ``reference`` is the other endpoint of golden prompts that must be the same there."""

    series: tuple[str, ...] = SERIES
    adapters: tuple[str, ...] = ()
    golden: tuple[Golden, ...] = ()
    reference: HttpSession | None = dataclasses.field(default=None, repr=False)
    reference_model: str = ""


@dataclasses.dataclass(frozen=True)
class CheckSubject:
    """What a check looks at. ``key_required`` None means that both are right."""

    session: HttpSession
    ask: Ask
    key_required: bool | None = None
    extras: Extras = dataclasses.field(default_factory=Extras)

    @property
    def seconds(self) -> float:
        return self.ask.seconds
