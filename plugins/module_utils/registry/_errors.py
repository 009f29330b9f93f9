# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the database says, in one sentence with the next step. Pure."""

from __future__ import annotations

import dataclasses

from .._errors import Error
from ._database import Database

#: Objects that a user cannot see look like objects that are not there; the playbook mends either.
_NO_SCHEMA = ("42P01", "42883", "42703", "3F000")


class RegistryError(Error):
    """The registry refused, in words."""

    code = "registry_refused"


class Lost(Error):
    """The connection went away: before COMMIT nothing has happened, during COMMIT nobody knows yet."""

    code = "connection_lost"


class WriteConflict(RegistryError):
    """Somebody else changed the same thing first: worth another look at it."""

    code = "write_conflict"


def sqlstate(error: BaseException) -> str:
    """By psycopg 3's name or psycopg2's; empty when the server did not get to say one."""
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def diagnosis(error: BaseException, field: str) -> str:
    return str(getattr(getattr(error, "diag", None), field, None) or "")


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """``part`` is of libpq's or the server's words; ``sentence`` is ours."""

    part: str
    sentence: str
    code: str


_LISTENS = "nothing listens for {place}; check login_host and login_port (PGHOST, PGPORT), and that the server runs"
_RESOLVES = "the host name of {place} does not resolve; check login_host (PGHOST)"
_BAD_CERTIFICATE = (
    "the certificate of {place} was refused: it is not signed by a CA that is trusted here, or it has expired or is not valid yet; "
    "give its CA by ca_cert (PGSSLROOTCERT), or renew it"
)

#: The first whose part is found speaks.
_CONNECT = (
    _Refusal(
        "password authentication failed",
        "{place} refused the password of user {user}; check login_user and login_password (PGUSER, PGPASSWORD)",
        code="database_auth",
    ),
    _Refusal("no password supplied", "{place} wants a password for user {user}; set PGPASSWORD or login_password", code="database_auth"),
    _Refusal("role ", "{place} does not know user {user}; check login_user (PGUSER) or create the user", code="database_auth"),
    _Refusal(
        "no pg_hba.conf entry",
        "{place} does not let user {user} into database {database} from here; check ssl_mode and the server's pg_hba.conf",
        code="database_auth",
    ),
    _Refusal("certificate verify failed", _BAD_CERTIFICATE, code="database_tls"),
    _Refusal(
        "root certificate file",
        "{place} cannot be verified, because there is no CA certificate; give it by ca_cert (PGSSLROOTCERT)",
        code="database_tls",
    ),
    _Refusal("does not match host name", "the certificate of {place} is for another name; use the name that the certificate has", code="database_tls"),
    _Refusal(
        "server does not support SSL",
        "{place} offers no TLS and ssl_mode asks for it; enable TLS there, or set ssl_mode (PGSSLMODE) on purpose",
        code="database_tls",
    ),
    _Refusal("too many clients", "{place} has no connection left; try again, or raise max_connections", code="database_busy"),
    _Refusal("starting up", "{place} is still starting; try again", code="database_busy"),
    _Refusal("shutting down", "{place} is shutting down; try again when it is back", code="database_busy"),
    _Refusal("Connection refused", _LISTENS, code="database_unreachable"),
    _Refusal("No such file or directory", _LISTENS, code="database_unreachable"),
    _Refusal("translate host name", _RESOLVES, code="database_unreachable"),
    _Refusal("resolve host", _RESOLVES, code="database_unreachable"),
    _Refusal("timeout expired", "{place} did not answer in time; check login_host, and what stands between", code="database_unreachable"),
)

#: SQLSTATE to code; what is not among them is a refusal without a code of its own.
_STATE_CODES = {
    "42501": "not_granted",
    "25006": "read_only",
    "55P03": "lock_timeout",
    "57014": "lock_timeout",
    "53300": "database_busy",
    "23505": "constraint_violated",
    "23502": "constraint_violated",
    "23514": "constraint_violated",
    "22001": "constraint_violated",
    "22P02": "constraint_violated",
}


def connect_error(error: BaseException, database: Database) -> RegistryError:
    """A refusal to connect, which libpq tells in text alone."""
    text = str(error)
    words = {"place": database.place(), "user": database.user(), "database": database.name()}
    if "database" in text and "does not exist" in text:
        return RegistryError("{place} has no database {database}; check login_db (PGDATABASE)".format(**words), code="database_missing")
    for refusal in _CONNECT:
        if refusal.part in text and (refusal.part != "role " or "does not exist" in text):
            return RegistryError(refusal.sentence.format(**words), code=refusal.code)
    message = f"{database.place()} cannot be reached as {database.user()}: {_first_line(database.scrub(text))}"
    return RegistryError(message, code="database_unreachable")


def statement_error(error: BaseException, database: Database, what: str) -> Error:
    """A statement that failed; ``what`` says what it was for."""
    state, message = sqlstate(error), database.scrub(diagnosis(error, "message_primary") or _first_line(str(error)))
    if not state or state[:2] == "08" or state in ("57P01", "57P02", "57P03"):
        return Lost(f"the connection to {database.place()} broke while {what}: {message}")
    if state in ("40001", "40P01"):
        return WriteConflict(f"{what} met another change at the same time: {message}")
    if state in _NO_SCHEMA:
        return RegistryError(
            f"the registry is missing or older in database {database.name()}, schema {database.schema} ({message}); run the playbook "
            f"inference.vllm.registry_schema as the schema's owner: it makes what is missing and grants it to {database.user()}",
            code="schema_missing",
        )
    known = _known(state, error, database)
    return RegistryError(f"{what} failed: {known or message + ' (SQLSTATE ' + state + ')'}", code=_STATE_CODES.get(state, ""))


def not_granted(message: str, database: Database) -> str:
    where = f"database {database.name()}, schema {database.schema}"
    return f"user {database.user()} may not do this in {where}: {message}; the playbook inference.vllm.registry_schema grants it"


def _known(state: str, error: BaseException, database: Database) -> str | None:
    table, constraint, column = (diagnosis(error, field) for field in ("table_name", "constraint_name", "column_name"))
    message = database.scrub(diagnosis(error, "message_primary"))
    sentences: dict[str, str] = {
        "42501": not_granted(message, database),
        "25006": f"{database.place()} is read only; connect to the primary server",
        "55P03": "another session holds the lock; see who with pg_stat_activity, and try again",
        "57014": "the database did not finish in time; see what holds the lock with pg_stat_activity, and try again",
        "53300": f"{database.place()} has no connection left; try again, or raise max_connections",
        "23505": f"another row of {table} has the same value under the unique constraint {constraint}; remove or change that row first",
        "23502": f"column {table}.{column} needs a value; give its option, or a default in the database",
        "23514": f"the check constraint {constraint} of {table} refuses the row; change the value, or the constraint if it is not the registry's",
        "22001": f"{message}: a column of {table or 'the table'} is shorter than the value",
        "22P02": f"{message}: the column has another type than the value",
    }
    return sentences.get(state)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
