"""docs/routers.md is the contract: its columns are those of the view, and its queries run as the reader and give what they say."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest

from tests.integration.registry.conftest import change, verb
from tests.integration.registry.postgres import Database

from .conftest import until

TEXT = (pathlib.Path(__file__).resolve().parents[4] / "docs" / "routers.md").read_text()
QUERIES: dict[str, str] = dict(re.findall(r"```sql\n-- (.+?)\n(.+?)\n?```", TEXT, re.DOTALL))
COLUMNS = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", TEXT, re.MULTILINE)
RUNS = [title for title in QUERIES if "LISTEN" not in QUERIES[title]]


@pytest.fixture
def filled(registry: Database) -> Database:
    """llama is shared 90 to 10 and has a warm revision, mistral is disabled, acme has entries of its own."""

    def production(model: str, revision: str, port: int, **more: t.Any) -> None:
        change(registry, environment="production", model=model, revision=revision, endpoint=f"10.0.0.1:{port}", **more)

    production("llama-3-8b", "rev-a", 1)
    production("llama-3-8b", "rev-b", 2, weight=0)
    production("llama-3-8b", "rev-c", 3, weight=10)
    production("mistral-7b", "rev-a", 4)
    verb(registry, "disabled", environment="production", model="mistral-7b", reason="see INC-1")
    production("llama-3-8b", "own", 5, organization="acme")
    return registry


def ran(database: Database, title: str) -> list[tuple[t.Any, ...]]:
    return database.query(QUERIES[title], user="vllm_reader")


def test_the_documented_columns_are_those_of_the_view_in_order(registry: Database) -> None:
    view = registry.query(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'model_routes'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert view == COLUMNS
    assert len(COLUMNS) == 20


def test_each_column_has_a_comment_in_the_database(registry: Database) -> None:
    assert (
        registry.query(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'model_routes'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL"
        )
        == []
    )


@pytest.mark.parametrize("title", RUNS)
def test_each_query_runs_as_the_reader(filled: Database, title: str) -> None:
    ran(filled, title)


def test_there_are_queries() -> None:
    assert len(RUNS) == 7


def test_the_queries_give_what_they_say(filled: Database) -> None:
    first, second = "http://10.0.0.1:1", "http://10.0.0.1:3"
    every = ran(filled, "Every route of an environment, for a router that keeps a list")
    assert [(row[2], row[3]) for row in every] == [("llama-3-8b", "rev-a"), ("llama-3-8b", "rev-b"), ("llama-3-8b", "rev-c"), ("mistral-7b", "rev-a")]
    shares = ran(filled, "Where requests for a model go, and with which share")
    assert [(url, float(share), revision) for url, share, revision in shares] == [(first, 0.9, "rev-a"), (second, 0.1, "rev-c")]
    assert ran(filled, "The default revision, for a router that does not split") == [(first, "rev-a")]
    assert ran(filled, "Any revision by name, also a warm one") == [(200, "http://10.0.0.1:2", None)]
    assert ran(filled, "Why a model is not routed; no row at all means 404") == [(503, "disabled: see INC-1")]
    own = ran(filled, "What one organization may use: its own entries for a model replace those for all")
    assert [row[:3] for row in own] == [("llama-3-8b", "own", "http://10.0.0.1:5")]


def test_the_notification_has_the_documented_keys(registry: Database) -> None:
    documented = re.findall(r"`(\w+)`", TEXT.partition("The payload is JSON: ")[2].partition("\n")[0])
    with registry.connect("vllm_reader") as listener:
        listener.execute(QUERIES["A notification of each change when it is committed"].encode())
        change(registry)
        heard: list[t.Any] = []
        until(lambda: heard.extend(listener.notifies(timeout=0.1)) or bool(heard))
    assert sorted(json.loads(heard[0].payload)) == sorted(documented)


def test_a_router_needs_the_view_alone(registry: Database) -> None:
    registry.query("CREATE ROLE router_only LOGIN")
    registry.query("GRANT USAGE ON SCHEMA public TO router_only")
    registry.query("GRANT SELECT ON model_routes TO router_only")
    with registry.connect() as connection:
        connection.execute("SET ROLE router_only")
        connection.execute(QUERIES["Every route of an environment, for a router that keeps a list"].encode())
    registry.query("DROP OWNED BY router_only")
    registry.query("DROP ROLE router_only")
