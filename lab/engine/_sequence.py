# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One answer that the engine makes: its plan and what became of it."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t


@dataclasses.dataclass(slots=True)
class Sequence:
    request_id: str
    prompt_tokens: int
    max_tokens: int
    words: list[str]
    finish: str
    stop_reason: str | None = None
    params_n: int = 1
    endless: bool = False
    index: int = 0
    arrival: float = 0.0
    scheduled: float | None = None
    first: float | None = None
    last: float | None = None
    made: int = 0
    steps: list[float] = dataclasses.field(default_factory=list)
    gaps: list[float] = dataclasses.field(default_factory=list)
    ttft: float = 0.0
    received: float | None = None
    written: list[float] = dataclasses.field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.words[: self.made])

    def wrote(self, now: float) -> None:
        """A chunk with ``choices`` was handed to the socket."""
        if self.received is not None:
            self.written.append(now)

    def record(self, wall: t.Callable[[float | None], float | None], outcome: str, stream: bool) -> dict[str, t.Any]:
        """The line of the truth file; times are seconds since 1970, durations follow vLLM's definitions."""
        end = self.last
        return {
            "id": self.request_id,
            "index": self.index,
            "stream": stream,
            "outcome": outcome,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.made,
            "arrived": wall(self.arrival),
            "scheduled": wall(self.scheduled),
            "first_token": wall(self.first),
            "finished": wall(end),
            "queue_seconds": _since(self.arrival, self.scheduled),
            "ttft_seconds": _since(self.arrival, self.first),
            "e2e_seconds": _since(self.arrival, end),
            "tpot_seconds": None if self.made < 2 or end is None or self.first is None else round((end - self.first) / (self.made - 1), 6),
            "itl_seconds": [round(gap, 6) for gap in self.gaps] if stream else None,
            "at_socket": self._at_socket(),
        }

    def _at_socket(self) -> dict[str, t.Any] | None:
        """What a client can see at best: from the request at the HTTP server to each chunk with ``choices`` that was handed to the socket."""
        if self.received is None or not self.written:
            return None
        first, last = self.written[0], self.written[-1]
        return {
            "ttft_seconds": _since(self.received, first),
            "e2e_seconds": _since(self.received, last),
            "tpot_seconds": None if self.made < 2 else round((last - first) / (self.made - 1), 6),
            "itl_seconds": [round(after - before, 6) for before, after in itertools.pairwise(self.written)],
        }


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else round(end - start, 6)
