"""Where the connection goes, and how safely."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.registry._database import database, is_local

NOTHING: dict[str, str] = {}


@pytest.mark.parametrize("host", ["db.example.org", "10.0.0.5", "127.0.0.1,db.example.org"])
def test_a_database_elsewhere_must_prove_who_it_is(host: str) -> None:
    assert database({"login_host": host}, NOTHING).parameters["sslmode"] == "verify-full"
    assert database({}, {"PGHOST": host}).parameters["sslmode"] == "verify-full"


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/run/postgresql", "127.0.0.1,localhost"])
def test_a_database_on_this_machine_need_not(host: str) -> None:
    assert is_local(host)
    assert "sslmode" not in database({"login_host": host}, NOTHING).parameters


def test_what_is_said_holds_even_when_it_is_weaker() -> None:
    assert database({"login_host": "db", "ssl_mode": "disable"}, NOTHING).parameters["sslmode"] == "disable"
    assert "sslmode" not in database({"login_host": "db"}, {"PGSSLMODE": "require"}).parameters
    assert database({"login_host": "db", "ca_cert": "/ca"}, NOTHING).parameters["sslrootcert"] == "/ca"


def test_variables_are_left_to_libpq_and_named_in_messages() -> None:
    found = database({}, {"PGHOST": "127.0.0.1", "PGPORT": "5433", "PGUSER": "ada", "PGDATABASE": "registry", "PGPASSWORD": "hidden"})
    assert not {"host", "port", "user", "dbname", "password"} & set(found.parameters)
    assert found.place() == "PostgreSQL at 127.0.0.1:5433"
    assert (found.user(), found.name()) == ("ada", "registry")
    assert found.scrub("it was hidden") == "it was ********"


def test_options_win_over_variables() -> None:
    found = database({"login_user": "bob", "service": "prod"}, {"PGUSER": "ada"})
    assert found.user() == "bob"
    assert found.place() == "PostgreSQL service prod"


@pytest.mark.parametrize("schema", ['public"; DROP', "Public", "", "pg catalog"])
def test_a_schema_that_is_no_identifier_is_refused(schema: str) -> None:
    if schema:
        with pytest.raises(InputError, match="is not a plain identifier"):
            database({"schema": schema}, NOTHING)
    else:
        assert database({"schema": schema}, NOTHING).schema == "public"


def test_a_timeout_below_a_second_is_refused() -> None:
    with pytest.raises(InputError, match=r"timeout 0\.5 is too short"):
        database({"timeout": 0.5}, NOTHING)


def test_a_service_elsewhere_must_prove_who_it_is_unless_its_entry_says_otherwise(tmp_path: pathlib.Path) -> None:
    (tmp_path / "services").write_text(
        "[away]\nhost=db.example.org\nuser=ada\npassword=hidden\n[lax]\nhost=db.example.org\nsslmode=require\n[near]\nhost=127.0.0.1\n", encoding="ascii"
    )
    variables = {"PGSERVICEFILE": str(tmp_path / "services"), "PGHOST": "127.0.0.1"}
    away = database({"service": "away"}, variables)
    assert away.parameters["sslmode"] == "verify-full"
    assert "host" not in away.parameters, "libpq reads it for itself"
    assert (away.user(), away.scrub("it was hidden")) == ("ada", "it was ********")
    assert database({}, {**variables, "PGSERVICE": "away"}).parameters["sslmode"] == "verify-full"
    assert "sslmode" not in database({"service": "lax"}, variables).parameters
    assert "sslmode" not in database({"service": "near"}, {**variables, "PGHOST": "db.example.org"}).parameters
    assert "sslmode" not in database({"service": "away", "login_host": "127.0.0.1"}, variables).parameters


def test_an_address_elsewhere_without_a_name_must_prove_who_it_is() -> None:
    assert database({}, {"PGHOSTADDR": "10.0.0.5"}).parameters["sslmode"] == "verify-full"
    assert "sslmode" not in database({}, {"PGHOSTADDR": "127.0.0.1"}).parameters
