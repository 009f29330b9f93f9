# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who we are, and whether another owner on this machine still lives."""

from __future__ import annotations

import getpass
import os
import pathlib
import socket
import typing as t

from ._lease import Owner

_JOB_VARIABLES = ("awx_job_id", "tower_job_id")
_USER_VARIABLES = ("awx_user_name", "tower_user_name")


def me(pid: int, variables: t.Mapping[str, t.Any], reason: str) -> Owner:
    """The run whose main process is ``pid``; AWX gives its job and user as variables."""
    job = next((str(variables[name]) for name in _JOB_VARIABLES if variables.get(name)), "")
    user = next((str(variables[name]) for name in _USER_VARIABLES if variables.get(name)), "") or _user()
    return Owner(user=user, host=socket.gethostname(), pid=pid, boot=boot(), start=start_time(pid), job=job, reason=reason)


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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
