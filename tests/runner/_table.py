"""The checks, as a table: fast ones first."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.runner import _lines


@dataclasses.dataclass(frozen=True)
class Check:
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
    """One check on one line of the matrix."""

    check: Check
    line: _lines.Line
    title: str

    @property
    def command(self) -> list[str]:
        words = self.check.command
        if self.check.elsewhere and self.title != self.check.name:
            words = (*words[:-1], *self.check.elsewhere)
        return [self.line.program(words[0]), *words[1:]]


def _pytest(name: str, *rooms: str, every_line: bool = False, minutes: float = 10, wide: bool = False, workers: int = 0, spread: str = "loadfile") -> Check:
    count = workers or (2 if wide else 1)
    parallel = () if count == 1 else ("--numprocesses", str(count), "--dist", spread)
    return Check(name, ("python", "-m", "pytest", "-p", "no:cacheprovider", "--durations", "15", *parallel, *rooms), every_line, minutes, wide)


def _own(name: str, *arguments: str, every_line: bool = False, minutes: float = 10) -> Check:
    """A check that needs more than one command is a module beside this one."""
    return Check(name, ("python", "-m", f"tests.runner.{arguments[0]}", *arguments[1:]), every_line, minutes)


def _shipped_rooms() -> tuple[str, ...]:
    """The unit tests of what users install; the checkout's own tools are tested on the first line alone, and so is the lab."""
    rooms = sorted(path.name for path in (_lines.ROOT / "tests" / "unit").iterdir() if any(path.glob("test_*.py")))
    return tuple(f"tests/unit/{room}" for room in rooms if room != "tooling")


CHECKS: t.Final = (
    Check("ruff", ("ruff", "check", ".")),
    Check("format", ("ruff", "format", "--check", ".")),
    Check("yamllint", ("yamllint", "--strict", ".")),
    _own("shellcheck", "shellcheck"),
    Check("changelog", ("antsibull-changelog", "lint")),
    _own("helm-lint", "helm_lint"),
    Check("mypy", ("mypy", "plugins", "lab", "integrations/routes", "tests/runner", "tests/ansible.py")),
    _own("docs", "docs"),
    dataclasses.replace(_pytest("unit", "tests/unit", every_line=True, workers=2), elsewhere=_shipped_rooms()),
    _pytest("chart", "tests/chart"),  # with both Helms
    _pytest("lab-unit", "lab/tests/unit", workers=2),
    _pytest("lab-engine", "lab/tests/engine", workers=2),
    _pytest("package", "tests/package", every_line=True),
    Check("ansible-lint", ("ansible-lint", "--offline", "--profile", "production", "--strict")),
    _own("sanity", "sanity", every_line=True, minutes=30),
    _pytest("integration", "tests/integration", minutes=35, wide=True, workers=4),
    _pytest("lab-integration", "lab/tests/integration", minutes=35, wide=True, workers=4),
    _own("molecule", "molecule", minutes=30),
    dataclasses.replace(
        _pytest("e2e", "tests/e2e", every_line=True, minutes=35, wide=True, workers=3, spread="load"),
        # The other line differs in Ansible, Helm and kubernetes.core: what it deploys, from the tarball too, is what can differ.
        elsewhere=("tests/e2e/test_deploy.py", "tests/e2e/test_tarball.py"),
    ),
)


def jobs(names: t.Collection[str], lines: t.Sequence[_lines.Line]) -> list[Job]:
    """The checks asked for (all without names) on the lines that they run on; the first line's checks come first.

    Of the other lines the slow ones come first: the end is then not one long check with an idle processor beside it.
    """
    chosen = [check for check in CHECKS if not names or check.name in names]
    first = [Job(check, lines[0], check.name) for check in chosen]
    return first + [Job(check, line, f"{check.name}@{line.name}") for line in lines[1:] for check in reversed(chosen) if check.every_line]


def unknown(names: t.Collection[str]) -> list[str]:
    known = {check.name for check in CHECKS}
    return sorted(set(names) - known)
