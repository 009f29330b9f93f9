"""The gates, as a table: fast ones first."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.gates import _lines


@dataclasses.dataclass(frozen=True)
class Gate:
    """A check with a name. The command's first word is a program of the line's virtual environment.

    ``wide``: it has workers of its own.
    ``elsewhere`` replaces the last word of the command on every line but the first, where all would say the same again.
    """

    name: str
    command: tuple[str, ...]
    every_line: bool = False
    minutes: float = 10
    wide: bool = False
    elsewhere: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Job:
    """One gate on one line of the matrix."""

    gate: Gate
    line: _lines.Line
    title: str

    @property
    def command(self) -> list[str]:
        words = self.gate.command
        if self.gate.elsewhere and self.title != self.gate.name:
            words = (*words[:-1], *self.gate.elsewhere)
        return [self.line.program(words[0]), *words[1:]]


def _pytest(name: str, *rooms: str, every_line: bool = False, minutes: float = 10, wide: bool = False, workers: int = 0, spread: str = "loadfile") -> Gate:
    count = workers or (2 if wide else 1)
    parallel = () if count == 1 else ("--numprocesses", str(count), "--dist", spread)
    return Gate(name, ("python", "-m", "pytest", "-p", "no:cacheprovider", "--durations", "15", *parallel, *rooms), every_line, minutes, wide)


def _own(name: str, *arguments: str, every_line: bool = False, minutes: float = 10) -> Gate:
    """A gate that needs more than one command is a module beside this one."""
    return Gate(name, ("python", "-m", f"tests.gates.{arguments[0]}", *arguments[1:]), every_line, minutes)


def _shipped_rooms() -> tuple[str, ...]:
    """The unit tests of what users install; what is only ours (the lab, the runner) is tested on the first line alone."""
    ours = {"engine", "kubelet", "lab", "tooling"}
    rooms = sorted(path.name for path in (_lines.ROOT / "tests" / "unit").iterdir() if any(path.glob("test_*.py")))
    return tuple(f"tests/unit/{room}" for room in rooms if room not in ours)


GATES: t.Final = (
    Gate("ruff", ("ruff", "check", ".")),
    Gate("format", ("ruff", "format", "--check", ".")),
    Gate("yamllint", ("yamllint", "--strict", ".")),
    _own("shellcheck", "shellcheck"),
    Gate("changelog", ("antsibull-changelog", "lint")),
    _own("helm-lint", "helm_lint"),
    Gate("mypy", ("mypy", "plugins", "lab", "integrations/routes", "tests/gates")),
    _own("docs", "docs"),
    dataclasses.replace(_pytest("unit", "tests/unit", every_line=True, workers=2), elsewhere=_shipped_rooms()),
    _pytest("chart", "tests/chart"),  # with both Helms
    _pytest("engine", "tests/engine", workers=2),
    _pytest("package", "tests/package", every_line=True),
    Gate("ansible-lint", ("ansible-lint", "--offline", "--profile", "production", "--strict")),
    _own("sanity", "sanity", every_line=True, minutes=30),
    _pytest("integration", "tests/integration", minutes=35, wide=True, workers=4),
    _own("molecule", "molecule", minutes=30),
    dataclasses.replace(
        _pytest("e2e", "tests/e2e", every_line=True, minutes=35, wide=True, workers=3, spread="load"),
        # The other line differs in Ansible, Helm and kubernetes.core: what it deploys, from the tarball too, is what can differ.
        elsewhere=("tests/e2e/test_deploy.py", "tests/e2e/test_tarball.py"),
    ),
)


def jobs(names: t.Collection[str], lines: t.Sequence[_lines.Line]) -> list[Job]:
    """The gates asked for (all without names) on the lines that they run on; the first line's gates come first.

    Of the other lines the slow ones come first: the end is then not one long gate with an idle processor beside it.
    """
    chosen = [gate for gate in GATES if not names or gate.name in names]
    first = [Job(gate, lines[0], gate.name) for gate in chosen]
    return first + [Job(gate, line, f"{gate.name}@{line.name}") for line in lines[1:] for gate in reversed(chosen) if gate.every_line]


def unknown(names: t.Collection[str]) -> list[str]:
    known = {gate.name for gate in GATES}
    return sorted(set(names) - known)
