"""`lab status` and `lab logs`."""

from __future__ import annotations

import shutil
import sys
import time
import typing as t

from ._errors import LabError
from ._health import trouble
from ._layout import Layout
from ._parts import Lab, process
from ._state import load

COLUMNS = ("part", "port", "memory", "age", "health")


def existing(layout: Layout) -> Lab:
    state = load(layout)
    if state is None:
        others = sorted(path.parent.name for path in layout.labs.glob("*/lab.json"))
        hint = f"there is {', '.join(others)} (--name)" if others else f"start it with `python -m lab up --name {layout.name}`"
        raise LabError(f"lab {layout.name} does not exist: {hint}.")
    return Lab(layout, state)


def status(layout: Layout, say: t.Callable[[str], None]) -> bool:
    """A table of the parts; False when one of them is not well."""
    lab = existing(layout)
    rows = [_row(lab, part) for part in lab.parts]
    widths = [max(len(row[column]) for row in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    for row in (COLUMNS, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return all(row[-1] == "ok" for row in rows)


def logs(layout: Layout, part: str, *, follow: bool) -> None:
    lab = existing(layout)
    path = lab.layout.log(part)
    if not path.exists():
        known = sorted(log.stem for log in path.parent.glob("*.log"))
        raise LabError(f"lab {layout.name} has no log of {part!r}: known are {', '.join(known)}.")
    with open(path, encoding="utf-8", errors="replace") as log:
        while True:
            shutil.copyfileobj(log, sys.stdout)
            sys.stdout.flush()
            if not follow:
                return
            time.sleep(0.2)


def _row(lab: Lab, part: str) -> tuple[str, ...]:
    found = process(lab.layout, part)
    alive = found is not None and found.alive()
    port = str(lab.state.ports.get(part, "-"))
    memory = f"{found.memory_mib()} MiB" if found and alive else "-"
    age = _age(found.age()) if found and alive else "-"
    return part, port, memory, age, trouble(lab, part) or "ok"


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"
