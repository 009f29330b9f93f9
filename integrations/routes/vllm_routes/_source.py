# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to the registry: reads ``model_routes``, version 1, and hears of changes. Every call has an end of its own.

A deadline on our side is needed because neither keepalives nor ``statement_timeout`` end a call behind a network that swallows packets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import typing as t

import psycopg
from psycopg import sql

from ._settings import Settings
from ._table import Route

CHANNEL = "model_registry"
#: What can happen between a database and us; all of it means: try again later.
LOST = (psycopg.Error, OSError, TimeoutError)

_ROUTES = sql.SQL(
    "SELECT route_id::text, organization_id, model_name, revision, routable, status, coalesce(refusal, ''), url, share::float8, is_default, "
    "coalesce(display_name, model_name), coalesce(input_cost_per_token, 0)::float8, coalesce(output_cost_per_token, 0)::float8, "
    "coalesce(bundle, ''), version FROM {schema}.model_routes "
    "WHERE environment = {environment} AND (organization_id IS NULL "
    "OR organization_id = coalesce({organization}, {schema}.model_registry_default_organization())) "
    "ORDER BY model_name, organization_id NULLS FIRST, revision"
)


class Source:
    """``listens`` is false where the server refuses LISTEN (a hot standby): then polling alone has to do."""

    def __init__(self, connection: psycopg.AsyncConnection[t.Any], settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._query = _ROUTES.format(
            schema=sql.Identifier(settings.schema), environment=sql.Literal(settings.environment), organization=sql.Literal(settings.organization)
        )
        self.listens = False

    async def routes(self) -> tuple[Route, ...]:
        cursor = await self._execute(self._query)
        return tuple(Route(*row) for row in await cursor.fetchall())

    async def listen(self) -> None:
        with contextlib.suppress(psycopg.errors.FeatureNotSupported, psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.ObjectNotInPrerequisiteState):
            await self._execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            self.listens = True

    async def changed(self) -> None:
        """Until a change is told of, or it is time to look anyway: a pooler between may keep notifications to itself."""
        if not self.listens:
            await asyncio.sleep(self._settings.poll)
            return
        async for _notification in self._connection.notifies(timeout=self._settings.poll, stop_after=1):
            pass

    async def _execute(self, statement: sql.Composed) -> psycopg.AsyncCursor[t.Any]:
        """The connection is cut when time is up: psycopg would first ask the server, which is silent, to cancel."""
        running = asyncio.ensure_future(self._connection.execute(statement))
        done, _running = await asyncio.wait({running}, timeout=self._settings.timeout)
        if not done:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
            await asyncio.wait({running}, timeout=1)
            raise TimeoutError
        return running.result()


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> t.AsyncIterator[Source]:
    parameters = {"application_name": "vllm_routes", "client_encoding": "UTF8", **settings.connection}
    async with asyncio.timeout(settings.timeout):
        # No prepared statements: they do not survive a transaction pooler.
        connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)
    try:
        source = Source(connection, settings)
        await source.listen()
        yield source
    finally:
        await connection.close()
