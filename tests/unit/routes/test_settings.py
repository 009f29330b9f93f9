"""What is followed is said by the environment, and refused in words when it cannot be right."""

from __future__ import annotations

import pytest
from vllm_routes import SettingsError, settings

STAGING = {"VLLM_ROUTES_ENVIRONMENT": "staging"}


def test_an_environment_is_enough() -> None:
    found = settings(STAGING)
    assert (found.environment, found.organization, found.schema, found.poll, found.state) == ("staging", None, "public", 2.0, None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "VLLM_ROUTES_ENVIRONMENT is ''"),
        ({"VLLM_ROUTES_ENVIRONMENT": "test"}, "VLLM_ROUTES_ENVIRONMENT is 'test'"),
        ({**STAGING, "VLLM_ROUTES_SCHEMA": 'a"; DROP'}, "VLLM_ROUTES_SCHEMA"),
        ({**STAGING, "VLLM_ROUTES_POLL_SECONDS": "soon"}, "VLLM_ROUTES_POLL_SECONDS is 'soon'"),
        ({**STAGING, "VLLM_ROUTES_TIMEOUT": "0"}, "VLLM_ROUTES_TIMEOUT is '0'"),
    ],
)
def test_what_cannot_be_right_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings(given)


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/run/postgresql"])
def test_a_database_on_this_machine_may_do_without_tls(host: str) -> None:
    assert settings({**STAGING, "PGHOST": host}).connection == {}


def test_a_database_elsewhere_must_prove_who_it_is() -> None:
    given = {**STAGING, "PGHOST": "db.example.org"}
    assert settings(given).connection["sslmode"] == "verify-full"
    assert settings({**given, "PGSSLMODE": "require"}).connection == {}
