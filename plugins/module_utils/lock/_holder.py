# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who we are, and whether another owner on this machine still lives."""

from __future__ import annotations

import os
import pathlib
import socket

from .._spec import Context
from ._lease import Owner


def me(context: Context, reason: str, *, pid: int = 0) -> Owner:
    """The run of ``context``; ``reason`` is shown to whoever waits. ``pid``: one process of the run holds the lock for itself alone."""
    actor, process = context.actor, pid or context.pid
    return Owner(
        user=actor.user,
        host=socket.gethostname(),
        pid=process,
        boot=boot(),
        start=start_time(process),
        job=actor.job,
        reason=reason,
        run=f"{context.pid}-{start_time(context.pid)}" if pid else "",
        subject=context.host,
    )


def gone(owner: Owner | None) -> bool:
    """True only when it is certain: same boot and process namespace as ours, and no such process there any more."""
    if owner is None or not owner.boot or not owner.start or owner.boot != boot():
        return False
    return start_time(owner.pid) != owner.start


def boot() -> str:
    """This boot of this machine and this process namespace: two containers of one host do not see each other's processes."""
    try:
        identity = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{identity}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """When the process started, in ticks since boot: a recycled process number has another. Empty when there is none."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
