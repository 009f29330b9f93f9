# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of the simulation without the price of an interpreter and its imports for each: forked from a process that has imported everything.

What is forked is the program itself with arguments, environment, folder and outputs of its own; only the imports are not its own work.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import typing as t

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["lab.tests.engine._fork", "lab.engine._boot", "lab.engine._life"])


class Forked:
    """As much of ``subprocess.Popen`` as the tests use."""

    def __init__(self, words: t.Sequence[str], env: t.Mapping[str, str], cwd: pathlib.Path, log: pathlib.Path) -> None:
        self._words = list(words)
        log.touch()
        self._process = CONTEXT.Process(target=_become, args=(self._words, dict(env), str(cwd), str(log)))
        self._process.start()

    @property
    def pid(self) -> int:
        return t.cast(int, self._process.pid)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._words, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(words: list[str], env: dict[str, str], cwd: str, log: str) -> t.NoReturn:
    """What exec would have done, and then the program's main."""
    from lab.engine._boot import main

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    sys.exit(main(words[1:]))
