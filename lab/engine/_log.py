# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log lines in vLLM's own form, so that whoever reads the log of a failed pod reads what a real one prints."""

from __future__ import annotations

import datetime
import os
import sys

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def _threshold() -> int:
    return _LEVELS.get(os.environ.get("VLLM_LOGGING_LEVEL", "INFO").upper(), 20)


def log(level: str, where: str, message: str, process: str = "APIServer") -> None:
    """``where`` is vLLM's file and line, as in ``core.py:133``; a message of several lines gets the prefix on each."""
    if _LEVELS[level] < _threshold():
        return
    now = datetime.datetime.now().strftime("%m-%d %H:%M:%S")
    prefix = f"({process} pid={os.getpid()}) {level} {now} [{where}] "
    sys.stdout.write("".join(f"{prefix}{line}\n" for line in message.split("\n")))
    sys.stdout.flush()


def info(where: str, message: str, process: str = "APIServer") -> None:
    log("INFO", where, message, process)


def warning(where: str, message: str, process: str = "APIServer") -> None:
    log("WARNING", where, message, process)


def error(where: str, message: str, process: str = "APIServer") -> None:
    log("ERROR", where, message, process)


def traceback_of(kind: str, message: str) -> None:
    """The end of an uncaught exception, on standard error as Python prints it."""
    sys.stderr.write(f"Traceback (most recent call last):\n{kind}: {message}\n")
    sys.stderr.flush()
