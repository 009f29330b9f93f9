"""Processes of pods whose kubelet can no longer end them, because it was killed."""

from __future__ import annotations

import os
import pathlib

from ._layout import Layout
from ._process import Process, every

SHIM = "shim.py"


def of_pods(layout: Layout) -> list[Process]:
    """The shims that hold this lab's pods, all that descends from them, and what runs in a pod's folder without a terminal."""
    pods = layout.state / "pods"
    found = list(every())
    chosen = {process.pid for process in found if _is_shim(process.pid, layout.state) or (process.terminal == 0 and _within(process.pid, pods))}
    while True:
        children = {process.pid for process in found if process.parent in chosen} - chosen
        if not children:
            break
        chosen |= children
    return [Process(process.pid, process.started) for process in found if process.pid in chosen and process.pid != os.getpid()]


def _is_shim(pid: int, state: pathlib.Path) -> bool:
    try:
        words = [os.fsdecode(word) for word in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    except OSError:
        return False
    return len(words) > 2 and pathlib.Path(words[-2]).name == SHIM and state in pathlib.Path(words[-1]).parents


def _within(pid: int, folder: pathlib.Path) -> bool:
    try:
        return folder in pathlib.Path(f"/proc/{pid}/cwd").readlink().parents
    except OSError:
        return False
