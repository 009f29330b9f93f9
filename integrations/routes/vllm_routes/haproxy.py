# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent beside HAProxy: ``vllm-routes-haproxy --socket /run/haproxy/admin.sock --map /etc/haproxy/routes.map``.

It writes the map's file, for the next start of HAProxy, and replaces the map of the running one without a reload.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import signal
import sys
import threading

from . import _files
from ._follow import Follower
from ._haproxy_map import DIGEST_KEY, entries, lines
from ._haproxy_socket import Admin, HaproxyError
from ._settings import SettingsError, settings
from ._table import Table

LOG = logging.getLogger("vllm_routes")


class Agent:
    """``bring`` makes the running map the wanted one; ``look`` finds out that HAProxy was restarted or reloaded meanwhile."""

    def __init__(self, admin: Admin, path: pathlib.Path) -> None:
        self._admin = admin
        self._path = path
        self._wanted: dict[str, str] | None = None
        self._lost = False
        self.changed = threading.Event()

    def take(self, table: Table) -> None:
        """In the follower's thread."""
        self._wanted = entries(table)
        self.changed.set()

    def look(self) -> None:
        self.changed.clear()
        wanted = self._wanted
        if wanted is None:
            return
        try:
            _files.write(self._path, lines(wanted))
            if self._admin.get(DIGEST_KEY) != wanted[DIGEST_KEY]:
                self._admin.replace(wanted)
                LOG.info("HAProxy has the new map, with %d entries", len(wanted))
            self._lost = False
        except (OSError, HaproxyError) as error:
            if not self._lost:
                LOG.warning("HAProxy does not have the routes yet: %s", error)
            self._lost = True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Keeps the map of a running HAProxy as the model registry says. Settings: the package's README.")
    parser.add_argument("--socket", required=True, help="HAProxy's admin socket: a path, or host:port")
    parser.add_argument("--map", required=True, type=pathlib.Path, help="the map's file, written as it stands in haproxy.cfg")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        followed = settings()
    except SettingsError as error:
        print(f"vllm-routes-haproxy: {error}", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    agent = Agent(Admin(given.socket, str(given.map)), given.map)
    follower = Follower(followed, agent.take).start()
    while not ended.is_set():
        agent.look()
        # Woken by a change; else HAProxy is looked at this often.
        agent.changed.wait(min(1.0, followed.poll))
    follower.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
