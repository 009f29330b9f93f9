"""Parts that a lab gets on demand, by `lab up --with PART`; their programs are built when they are asked for, not with the lab's."""

from __future__ import annotations

import dataclasses
import subprocess
import typing as t

from ._errors import LabError
from ._layout import Layout

NAMES, PROMETHEUS = "names", "prometheus"


@dataclasses.dataclass(frozen=True)
class Optional:
    """What a part needs before it starts. How it is started stands in ``_parts.COMMANDS``, how it is asked for its health in ``_health.PLAIN``.

    ``programs`` maps a program of .lab/bin to its Go package, in the module lab/optional/<part>; ``first_build`` says how long that takes.
    """

    needs: tuple[str, ...] = ()
    programs: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    first_build: str = ""


# In the order in which they start.
OPTIONAL: t.Final[dict[str, Optional]] = {
    NAMES: Optional(),
    PROMETHEUS: Optional(
        needs=(NAMES,),
        programs={
            "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
            "promtool": "github.com/prometheus/prometheus/cmd/promtool",
        },
        first_build="about six minutes on two cores",
    ),
}


def with_needs(wanted: t.Iterable[str]) -> list[str]:
    """The parts and what they need, in the order in which they start."""
    found = set(wanted)
    found.update(need for part in OPTIONAL if part in found for need in OPTIONAL[part].needs)
    return [part for part in OPTIONAL if part in found]


def missing(layout: Layout, part: str) -> list[str]:
    return [program for program in OPTIONAL[part].programs if not (layout.bin / program).is_file()]


def build(layout: Layout, part: str, say: t.Callable[[str], None]) -> None:
    """Builds the programs that are not there yet, and says beforehand how long that takes."""
    absent = missing(layout, part)
    if not absent:
        return
    say(f"{part}: building {' and '.join(absent)} from Go modules, once; {OPTIONAL[part].first_build} ...")
    words = [word for program, package in OPTIONAL[part].programs.items() for word in (program, package)]
    done = subprocess.run(["/bin/sh", "lab/setup/optional.sh", part, *words], cwd=layout.root, check=False)
    if done.returncode or missing(layout, part):
        raise LabError(f"{part} could not be built; what Go said stands above. The rest of the lab needs none of it.")
