"""`lab down`: ends every process of a lab, and removes its folder."""

from __future__ import annotations

import contextlib
import shutil
import signal
import typing as t

from . import _postgres
from ._errors import LabError
from ._layout import Layout
from ._leftovers import of_pods
from ._parts import KUBELET
from ._process import Process, recorded, stop
from ._state import locked

# The kubelet ends its pods, which takes up to their grace period.
KUBELET_SECONDS = 20.0


def down(layout: Layout, say: t.Callable[[str], None]) -> None:
    if not layout.state.exists():
        say(f"lab {layout.name} does not exist; nothing to do.")
        return
    with locked(layout):
        running = {path.stem: found for path in sorted(layout.run.glob("*.pid")) if (found := recorded(path)) and found.alive()}
        _stop(running)
        orphans = of_pods(layout)
        stop(orphans, signal.SIGKILL, seconds=5)
        left = [f"{name} (pid {one.pid})" for name, one in running.items() if one.alive()]
        if left:
            raise LabError(f"{', '.join(left)} did not end even by SIGKILL; nothing was removed. End it, then run `down` again.")
        _postgres.forget_killed(layout)
        shutil.rmtree(layout.state)
    with contextlib.suppress(OSError):
        layout.labs.rmdir()
    ended = ", ".join([*running, *([f"{len(orphans)} processes of pods"] if orphans else [])]) or "no process, none was running"
    say(f"lab {layout.name} is gone: ended {ended}; removed {layout.state}.")


def _stop(running: dict[str, Process]) -> None:
    kubelet = running.get(KUBELET)
    if kubelet:
        stop([kubelet], signal.SIGTERM, seconds=KUBELET_SECONDS)
    # Neither by SIGKILL: PostgreSQL must free its shared memory. initdb is done within a second or two, and cannot be hurried without leaving some.
    for part, number in (("postgres", signal.SIGQUIT), ("initdb", None)):
        if part in running:
            stop([running[part]], number, seconds=10)
    # Their state is removed in a moment: there is nothing that they could save.
    stop([process for process in running.values() if process.alive()], signal.SIGKILL, seconds=5)
