# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""psycopg 3 where it is there, else psycopg2: what the registry needs of either, and nothing else."""

from __future__ import annotations

import contextlib
import os
import socket
import typing as t

from ._errors import RegistryError

Rows = list[tuple[t.Any, ...]]


class Driver(t.Protocol):
    error: type[Exception]

    def connect(self, parameters: t.Mapping[str, t.Any]) -> t.Any: ...

    def execute(self, connection: t.Any, sql: str, values: t.Sequence[t.Any]) -> tuple[Rows, str]: ...

    def close(self, connection: t.Any) -> None: ...


class Psycopg3:
    def __init__(self) -> None:
        import psycopg

        self._psycopg = psycopg
        self.error: type[Exception] = psycopg.Error

    def connect(self, parameters: t.Mapping[str, t.Any]) -> t.Any:
        # No prepared statements: they do not survive a transaction pooler.
        return self._psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)

    def execute(self, connection: t.Any, sql: str, values: t.Sequence[t.Any]) -> tuple[Rows, str]:
        cursor = connection.execute(sql, values or None)
        return (cursor.fetchall() if cursor.description else []), cursor.statusmessage or ""

    def close(self, connection: t.Any) -> None:
        with contextlib.suppress(self.error):  # it is broken already
            connection.close()


class Psycopg2:
    def __init__(self) -> None:
        import psycopg2

        self._psycopg2 = psycopg2
        self.error: type[Exception] = psycopg2.Error

    def connect(self, parameters: t.Mapping[str, t.Any]) -> t.Any:
        connection = self._psycopg2.connect(**parameters)
        connection.autocommit = True
        return connection

    def execute(self, connection: t.Any, sql: str, values: t.Sequence[t.Any]) -> tuple[Rows, str]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return (cursor.fetchall() if cursor.description else []), cursor.statusmessage or ""

    def close(self, connection: t.Any) -> None:
        with contextlib.suppress(self.error):  # it is broken already
            connection.close()


def driver() -> Driver:
    for candidate in (Psycopg3, Psycopg2):
        try:
            return candidate()
        except ImportError:
            continue
    message = "neither psycopg nor psycopg2 can be imported; pip install 'psycopg[binary]' for the Python that runs the module"
    raise RegistryError(message, code="database_driver")


def cut(connection: t.Any) -> None:
    """Break the connection from our side: whoever waits on it wakes, and the server rolls back and frees its locks."""
    # Whatever fails here: then there is nothing left to cut.
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
