# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One connection on which no call outlives its deadline, whatever the driver, libpq or the network does."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import typing as t

from .._deadline import Deadline, backoff
from .._errors import DeadlineError
from . import _driver
from ._database import Database
from ._errors import Lost, RegistryError, connect_error, not_granted, statement_error

T = t.TypeVar("T")
_Outcome = tuple[bool, t.Any]


class DatabaseSession:
    """``connect``, ``query`` and ``commit`` run in a thread of their own: keepalives, ``tcp_user_timeout`` and
    ``statement_timeout`` together do not end a call behind a proxy that swallows packets; leaving the thread behind does."""

    def __init__(self, database: Database, deadline: Deadline, driver: _driver.Driver | None = None) -> None:
        self.database = database
        self.deadline = deadline
        self._driver = driver or _driver.driver()
        self._connection: t.Any = None
        self._silent = False
        self._work: queue.SimpleQueue[tuple[t.Callable[[], t.Any], queue.SimpleQueue[_Outcome]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True, name="registry").start()

    def __enter__(self) -> DatabaseSession:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def connect(self) -> None:
        parameters = dict(self.database.parameters)
        parameters.setdefault("connect_timeout", max(2, int(self.deadline.remaining())))
        try:
            self._connection = self._call(f"connecting to {self.database.place()}", lambda: self._driver.connect(parameters))
        except self._driver.error as error:
            raise connect_error(error, self.database) from error

    def query(self, sql: str, values: t.Sequence[t.Any] = (), *, what: str, limit: float | None = None) -> _driver.Rows:
        return self._execute(sql, values, what, limit)[0]

    def begin(self) -> None:
        """The statement limit ends with the client's deadline, so that the server does not keep a lock for a client that gave up."""
        self._execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", (), "opening a transaction", None)
        left = max(0.1, self.deadline.remaining())
        self.query(
            "SELECT set_config('search_path', %s, true), set_config('statement_timeout', %s, true), "
            "set_config('idle_in_transaction_session_timeout', %s, true)",
            (self.database.schema, str(int(left * 1000)), str(int(min(left / 3, 5) * 1000))),
            what="opening a transaction",
        )

    def forbidden(self, message: str, what: str) -> RegistryError:
        return RegistryError(f"{what} failed: {not_granted(message, self.database)}", code="not_granted")

    def commit(self, limit: float | None = None) -> None:
        """Raises Lost when the answer did not come: the change may have happened."""
        try:
            _rows, tag = self._execute("COMMIT", (), "committing", limit)
        except DeadlineError as error:
            raise Lost(str(error)) from error
        if tag != "COMMIT":
            raise Lost(f"{self.database.place()} answered COMMIT with {tag or 'nothing'}")

    def rollback(self) -> None:
        self._execute("ROLLBACK", (), "rolling back", None)

    def close(self) -> None:
        """An idle connection says goodbye; one that did not answer in time is cut."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._silent:
                _driver.cut(connection)
            else:
                self._driver.close(connection)
        self._work.put(None)

    def _execute(self, sql: str, values: t.Sequence[t.Any], what: str, limit: float | None) -> tuple[_driver.Rows, str]:
        try:
            return self._call(what, lambda: self._driver.execute(self._connection, sql, values), limit)
        except self._driver.error as error:
            raise statement_error(error, self.database, what) from error

    def _call(self, what: str, function: t.Callable[[], T], limit: float | None = None) -> T:
        seconds = self.deadline.limit(self.deadline.seconds if limit is None else limit, what)
        answer: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self._work.put((function, answer))
        try:
            succeeded, value = answer.get(timeout=seconds)
        except queue.Empty:
            self._silent = True
            self.close()
            raise DeadlineError(
                f"{self.database.place()} did not answer within {self.deadline.seconds:g} s while {what}; check the database and the network, or raise timeout"
            ) from None
        if succeeded:
            return t.cast(T, value)
        raise value

    def _serve(self) -> None:
        for function, answer in iter(self._work.get, None):
            try:
                answer.put((True, function()))
            except BaseException as error:  # it belongs to whoever asked
                answer.put((False, error))


@contextlib.contextmanager
def opened(database: Database, deadline: Deadline, *, patient: bool = False) -> t.Iterator[DatabaseSession]:
    """A connected session. ``patient`` waits for a server that is restarting; else the first refusal is told at once."""
    for pause in backoff(0.05, 0.5):
        session = DatabaseSession(database, deadline)
        try:
            session.connect()
            break
        except RegistryError:
            session.close()
            if not patient or deadline.remaining() < 1:
                raise
        time.sleep(pause)
    with session:
        yield session
