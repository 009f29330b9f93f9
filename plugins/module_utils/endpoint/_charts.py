# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Latencies as two small pictures that need nothing else: how they are spread, and how they were in the course of the run. Pure."""

from __future__ import annotations

import math
import typing as t
from xml.sax.saxutils import escape

from ._stream import Sample

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 240, 48, 32, 28
BARS = 40
_STYLE = "text{font:12px sans-serif;fill:#444}.bar{fill:#4c78a8}.good{fill:#4c78a8}.bad{fill:#e45756}line{stroke:#bbb}"


def histogram(samples: t.Sequence[Sample], title: str) -> str:
    """End-to-end latency of the requests that succeeded, in bars of equal width."""
    values = sorted(sample.latency for sample in samples if sample.latency is not None)
    if not values:
        return _picture(title, "no request succeeded", "", 0.0, 0)
    low, high = values[0], values[-1]
    width = (high - low) / BARS or high / BARS or 1.0
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, int((value - low) / width))] += 1
    step = (WIDTH - LEFT) / BARS
    marks = [
        f'<rect class="bar" x="{LEFT + index * step:.1f}" y="{_y(count, max(counts)):.1f}" width="{step - 1:.1f}" '
        f'height="{HEIGHT - BOTTOM - _y(count, max(counts)):.1f}"><title>{count} from {low + index * width:.3g} s</title></rect>'
        for index, count in enumerate(counts)
        if count
    ]
    return _picture(title, f"{low:.3g} s to {high:.3g} s, {len(values)} requests", "".join(marks), max(counts), 0)


def timeline(samples: t.Sequence[Sample], title: str) -> str:
    """Each request by when it began and how long it took; those that failed stand at the top in red."""
    if not samples:
        return _picture(title, "no request was made", "", 0.0, 1)
    begin = min(sample.start for sample in samples)
    span = max(sample.end for sample in samples) - begin or 1.0
    top = max((sample.latency for sample in samples if sample.latency is not None), default=0.0)
    marks = []
    for sample in samples:
        x = LEFT + (WIDTH - LEFT - 6) * (sample.start - begin) / span
        failed = sample.latency is None
        y = TOP if failed else _y(sample.latency or 0.0, top)
        told = f"{sample.latency:.3g} s" if sample.latency is not None else sample.error or "failed"
        marks.append(f'<circle class="{"bad" if failed else "good"}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{escape(told)}</title></circle>')
    return _picture(title, f"{span:.3g} s", "".join(marks), top, 1)


def _y(value: float, top: float) -> float:
    share = value / top if top > 0 and math.isfinite(value) else 0.0
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _picture(title: str, below: str, marks: str, top: float, unit: int) -> str:
    label = f"{top:.3g}{' s' if unit else ''}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><style>{_STYLE}</style>'
        f'<text x="{LEFT}" y="16">{escape(title)}</text><text x="4" y="{TOP + 10}">{label}</text>'
        f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH}" y2="{HEIGHT - BOTTOM}"/>{marks}'
        f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(below)}</text></svg>'
    )
