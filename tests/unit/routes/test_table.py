"""Where a request goes, or why it goes nowhere."""

from __future__ import annotations

import typing as t

import pytest
from vllm_routes import Refusal, Route

from ._rows import refused, route, table


def revisions(found: tuple[Route, ...] | Refusal) -> list[str]:
    assert not isinstance(found, Refusal), found
    return [one.revision for one in found]


def refusal(found: tuple[Route, ...] | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def test_a_request_without_a_revision_is_shared_among_those_that_have_a_share() -> None:
    routes = table(route(revision="a", share=0.1), route(revision="b", share=0.9), route(revision="warm", share=0.0))
    assert revisions(routes.find("llama-3-8b")) == ["a", "b"]


@pytest.mark.parametrize("asked", [("llama-3-8b", "warm"), ("llama-3-8b@warm", "")])
def test_a_revision_is_reached_by_its_name_also_without_a_share(asked: tuple[str, str]) -> None:
    assert revisions(table(route(), route(revision="warm", share=0.0)).find(*asked)) == ["warm"]


def test_a_model_without_any_row_is_unknown() -> None:
    found = refusal(table(route()).find("mistral"))
    assert (found.status, found.retry_after, found.code) == (404, 0, "model_not_found")
    assert found.message == "The model `mistral` does not exist in staging."


def test_an_unknown_revision_is_answered_with_the_known_ones() -> None:
    found = refusal(table(route(revision="a"), route(revision="b", share=0.0)).find("llama-3-8b", "c"))
    assert (found.status, found.message) == (404, "The model `llama-3-8b` has no revision `c` in staging; it has a, b.")


@pytest.mark.parametrize(("status", "seconds"), [("disabled", 60), ("deploying", 15), ("pending", 15), ("failed", 60)])
def test_a_model_that_takes_no_requests_says_why_and_when_to_ask_again(status: str, seconds: int) -> None:
    found = refusal(table(refused(status, "see INC-1")).find("llama-3-8b"))
    assert (found.status, found.retry_after, found.code) == (503, seconds, "model_not_available")
    assert found.message == f"The model `llama-3-8b` takes no requests in staging ({status}: see INC-1)."


def test_of_several_refused_revisions_the_one_that_is_on_its_way_is_named() -> None:
    found = refusal(table(refused("failed", "", revision="a"), refused("deploying", "", revision="b")).find("llama-3-8b"))
    assert found.message.endswith("(deploying).")


def test_a_revision_that_is_not_ready_does_not_keep_the_others_from_serving() -> None:
    routes = table(route(revision="a"), refused("deploying", "", revision="b"))
    assert revisions(routes.find("llama-3-8b")) == ["a"]
    assert refusal(routes.find("llama-3-8b", "b")).message == "The revision `b` of the model `llama-3-8b` takes no requests in staging (deploying)."


def test_a_model_whose_revisions_are_all_warm_is_reached_by_revision_only() -> None:
    found = refusal(table(route(revision="a", share=0.0)).find("llama-3-8b"))
    assert (found.status, found.message) == (503, "The model `llama-3-8b` takes requests in staging only by revision: a.")


def test_an_organisations_own_entries_stand_in_place_of_those_for_all() -> None:
    routes = table(route(revision="all"), route(revision="own", organization_id="acme", route_id="2"), route(model_name="other"))
    assert revisions(routes.find("llama-3-8b")) == ["own"]
    assert refusal(routes.find("llama-3-8b", "all")).status == 404
    assert revisions(routes.find("other")) == ["rev-a"]
    assert "2" in routes.by_id


def test_a_model_whose_own_name_has_an_at_sign_is_found_by_it() -> None:
    assert revisions(table(route(model_name="me@home")).find("me@home")) == ["rev-a"]


@pytest.mark.parametrize("name", ["", "@", "@a", "llama-3-8b@", "x" * 5000, "\0"])
def test_strange_names_are_unknown_and_nothing_worse(name: str) -> None:
    found: t.Any = table(route()).find(name)
    assert found.status == 404 if isinstance(found, Refusal) else name == "llama-3-8b@"
