# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the routes into a file as they change: ``vllm-routes-export --format nginx --output /etc/nginx/routes.conf --run 'nginx -s reload'``.

The file is whole at every moment, and is not touched while it says the same.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import pathlib
import queue
import shlex
import signal
import subprocess
import sys
import time

from . import _files
from ._follow import Follower
from ._formats import FORMATS
from ._settings import SettingsError, settings
from ._table import Table

LOG = logging.getLogger("vllm_routes")
COMMAND_SECONDS = 30
#: A file that could not be written, or whose command failed, is tried again.
AGAIN_SECONDS = 5.0
#: Python runs a signal's handler in the main thread, once that wakes: one that came in the moment before it slept, or to another thread, wakes nobody.
AWAKE_SECONDS = 1.0
NEVER = float("-inf")


class Exporter:
    """The command runs after each change of the file, and again until it succeeds."""

    def __init__(self, form: str, path: pathlib.Path, command: list[str]) -> None:
        self._render = FORMATS[form]
        self._path = path
        self._command = command
        self._owed = False

    def bring(self, table: Table) -> bool:
        """Whether the file is right and its command has succeeded."""
        try:
            if _files.write(self._path, self._render(table)):
                LOG.info("%s is written, with %d models", self._path, len(table.models))
                self._owed = bool(self._command)
            if self._owed:
                subprocess.run(self._command, check=True, timeout=COMMAND_SECONDS)
                self._owed = False
        except (OSError, subprocess.SubprocessError) as error:
            LOG.error("%s: %s", self._path, error)
            return False
        return True


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Writes the model registry's routes into a file as they change. Settings: the package's README.")
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--run", default="", help="a command after each change of the file, without a shell")
    parser.add_argument("--once", action="store_true", help="write the file once and end; exit code 1 when the registry cannot be asked")
    return parser.parse_args(given)


def main(arguments: list[str] | None = None) -> int:
    given = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        followed = settings()
    except SettingsError as error:
        print(f"vllm-routes-export: {error}", file=sys.stderr)
        return 2
    tables: queue.SimpleQueue[Table | None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: tables.put(None))
    follower, exporter = Follower(followed, tables.put).start(), Exporter(given.format, given.output, shlex.split(given.run))
    try:
        if given.once:
            return 0 if follower.wait(followed.timeout * 2) and exporter.bring(follower.table) else 1
        return _follow(tables, exporter)
    finally:
        follower.stop()


def _follow(tables: queue.SimpleQueue[Table | None], exporter: Exporter) -> int:
    owed, tried = None, NEVER
    while True:
        with contextlib.suppress(queue.Empty):
            wanted = tables.get(timeout=AWAKE_SECONDS)
            if wanted is None:
                return 0
            owed, tried = wanted, NEVER
        if owed is not None and time.monotonic() - tried >= AGAIN_SECONDS:
            owed, tried = None if exporter.bring(owed) else owed, time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
