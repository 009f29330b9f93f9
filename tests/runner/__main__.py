"""``python -m tests.runner [CHECK ...]``: run the checks, show what failed, end with the table."""

from __future__ import annotations

import signal
import sys
import typing as t

from tests.runner import _lines, _run, _table

SHOWN_LINES = 200


def main(names: list[str]) -> int:
    # Who is started in the background, or by nohup, ignores SIGINT, and so do its children: neither a check nor what it tests would hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if strange := _table.unknown(names):
        print(f"There is no check {', '.join(strange)}. The checks are: {' '.join(check.name for check in _table.CHECKS)}.", file=sys.stderr)
        return 2
    lines = _installed_lines()
    outcomes = []
    for outcome in _run.run_all(_table.jobs(names, lines)):
        _report(outcome)
        outcomes.append(outcome)
    failed = _close(outcomes, lines)
    return 1 if failed else 0


def _installed_lines() -> list[_lines.Line]:
    first = _lines.installed(".venv")
    if first is None:
        raise SystemExit("The virtual environment is not there yet: run `make test`, which makes it.")
    second = _lines.installed(".venv-next")
    return [first, second] if second else [first]


def _report(outcome: _run.Outcome) -> None:
    print(f"{_verdict(outcome)}  {outcome.name}  {outcome.seconds:.1f} s", flush=True)
    if not outcome.passed:
        text = outcome.log.read_text(errors="replace").splitlines()
        print(f"---- {outcome.name}: {outcome.note}; the whole output is in {outcome.log.relative_to(_lines.ROOT)}")
        print("\n".join(text[-SHOWN_LINES:]))
        print(f"---- end of {outcome.name}", flush=True)


def _close(outcomes: t.Sequence[_run.Outcome], lines: t.Sequence[_lines.Line]) -> int:
    """The table and, last, the line that says it all."""
    failed = sum(not outcome.passed for outcome in outcomes)
    width = max(len(outcome.name) for outcome in outcomes)
    print()
    for outcome in sorted(outcomes, key=lambda one: one.passed, reverse=True):
        print(f"{_verdict(outcome)}  {outcome.name:<{width}}  {outcome.seconds:7.1f} s {outcome.processor:7.1f} s of a core  {outcome.note}".rstrip())
    if len(lines) == 1:
        print(f"skipped  the second line of tests/matrix: no other Python of it was found beside that of {lines[0].name}")
    print(f"{len(outcomes) - failed} passed, {failed} failed", flush=True)
    return failed


def _verdict(outcome: _run.Outcome) -> str:
    return "passed" if outcome.passed else "FAILED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
