"""Each refusal of the database has a code, whatever its words."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry._database import Database, database
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import Lost, WriteConflict, connect_error, statement_error

HERE: Database = database({"login_host": "127.0.0.1"}, {})


class ServerError(Exception):
    """As psycopg 3 raises it."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("in other words")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("42501", "not_granted"),
        ("25006", "read_only"),
        ("55P03", "lock_timeout"),
        ("57014", "lock_timeout"),
        ("53300", "database_busy"),
        ("23505", "constraint_violated"),
        ("42P01", "schema_missing"),
        ("42703", "schema_missing"),
        ("40001", "write_conflict"),
        ("57P01", "connection_lost"),
        (None, "connection_lost"),
        ("XX000", "registry_refused"),
    ],
)
def test_a_statement_that_fails_has_the_code_of_its_cause(sqlstate: str | None, code: str) -> None:
    error: t.Any = statement_error(ServerError(sqlstate), HERE, "changing m")
    assert error.code == code
    assert isinstance(error, WriteConflict) == (code == "write_conflict")
    assert isinstance(error, Lost) == (code == "connection_lost")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('password authentication failed for user "x"', "database_auth"),
        ('FATAL: role "x" does not exist', "database_auth"),
        ('database "x" does not exist', "database_missing"),
        ("SSL error: certificate verify failed", "database_tls"),
        ("server does not support SSL, but SSL was required", "database_tls"),
        ("sorry, too many clients already", "database_busy"),
        ("Connection refused", "database_unreachable"),
        ("something that nobody has seen", "database_unreachable"),
    ],
)
def test_a_connection_that_is_refused_has_the_code_of_its_cause(words: str, code: str) -> None:
    assert connect_error(Exception(words), HERE).code == code
