"""`lab down`: ends every process of a lab, and removes its folder."""

from __future__ import annotations

import contextlib
import shutil
import signal
import typing as t

from ._errors import LabError
from ._layout import Layout
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
        left = [f"{name} (pid {one.pid})" for name, one in running.items() if one.alive()]
        if left:
            raise LabError(f"{', '.join(left)} did not end even by SIGKILL; nothing was removed. End it, then run `down` again.")
        shutil.rmtree(layout.state)
    for folder in (layout.labs,):
        with contextlib.suppress(OSError):
            folder.rmdir()
    ended = ", ".join(running) or "no process, none was running"
    say(f"lab {layout.name} is gone: ended {ended}; removed {layout.state}.")


def _stop(running: dict[str, Process]) -> None:
    kubelet = running.get(KUBELET)
    if kubelet:
        stop([kubelet], signal.SIGTERM, seconds=KUBELET_SECONDS)
    # An immediate shutdown, but PostgreSQL still frees its shared memory.
    database = running.get("postgres")
    if database:
        stop([database], signal.SIGQUIT, seconds=5)
    # Their state is removed in a moment: there is nothing that they could save.
    stop([process for process in running.values() if process.alive()], signal.SIGKILL, seconds=5)
