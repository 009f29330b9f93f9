"""With a router's URL a run ends only when that router answers from what was registered."""

from __future__ import annotations

import psycopg

from tests.integration.apply.conftest import Json, Model
from tests.unit.routing._router import routed, served


def test_the_run_waits_for_the_router_and_the_event_says_how_long_it_took(model: Model) -> None:
    revision = model.apply(check_mode=True)["plan"]["revision"]
    with routed(served("another"), served(revision)) as router:
        done = model.deployed(**options(router.url))
    assert done["status"] == "ready"
    assert [action for action, _router in events(model)] == ["registered", "routed"]
    assert events(model)[-1][1] == router.url


def test_a_router_that_does_not_follow_fails_the_run_and_the_row_stays(model: Model) -> None:
    with routed(served("another")) as router:
        failed = model.apply(**options(router.url), router_timeout=2.0)
    assert failed["code"] == "not_routed"
    assert model.statuses() == ["ready"]
    assert failed["outcome"]["serving"]["verdict"] == "pass"


def options(url: str) -> Json:
    return {"router_url": url, "router_allowed_networks": ["127.0.0.0/8"]}


def events(model: Model) -> list[tuple[str, str]]:
    query = "SELECT action, router FROM model_deployment_events WHERE model_name = %s AND action <> 'verified' ORDER BY event_id"
    with psycopg.connect(**model.lab.database("reader")) as connection:
        return [(str(action), str(router)) for action, router in connection.execute(query, (model.name,))]
