"""A router is asked until it follows, and not longer than it makes sense."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.routing._options import asking, routing_options
from ansible_collections.inference.vllm.plugins.module_utils.routing._prove import Proof, RoutingError, prove

from ._router import GENERATED, Reply, Router, refusal, routed, served

LOOPBACK = ["127.0.0.0/8"]


def options(**more: t.Any) -> dict[str, t.Any]:
    defaults = {name: option.get("default") for name, option in routing_options().items()}
    return {**defaults, "url": "http://127.0.0.1:1", "model": "llama-3-8b", "revision": "b", "allowed_networks": LOOPBACK, **more}


def proved(router: Router, said: list[str] | None = None, *, seconds: float = 30, **more: t.Any) -> Proof:
    return prove(asking(options(url=router.url, **more)), Deadline(seconds), (said if said is not None else []).append, sleep=lambda _pause: None)


def failure(router: Router, **more: t.Any) -> str:
    with pytest.raises(RoutingError) as caught:
        proved(router, **more)
    return str(caught.value)


def test_it_waits_until_the_registered_revision_answers() -> None:
    said: list[str] = []
    with routed(refusal(404, "The model `llama-3-8b` does not exist."), served("a"), served("b")) as router:
        proof = proved(router, said)
    assert (proof.requests, proof.row) == (5, 3)
    assert proof.last is not None
    assert proof.last.line == "an answer from revision b"
    assert [line.partition(" s: ")[2] for line in said] == ["HTTP 404 (The model `llama-3-8b` does not exist.)", "an answer from revision a"]


def test_the_row_begins_anew_when_another_replica_answers_with_the_old_revision() -> None:
    with routed(served("b"), served("b"), served("a"), served("b")) as router:
        proof = proved(router)
    assert (proof.requests, proof.row) == (6, 3)


def test_each_request_has_a_connection_of_its_own_and_is_tiny() -> None:
    with routed(served("b")) as router:
        proved(router, consecutive=5, router_api_key="sk-router")
    assert len(router.connections) == 5
    assert router.requests[0]["path"] == "/v1/chat/completions"
    assert router.requests[0]["body"]["max_tokens"] == 1
    assert router.requests[0]["headers"]["authorization"] == "Bearer sk-router"
    assert "x-vllm-revision" not in router.requests[0]["headers"]


def test_a_revision_with_a_part_of_the_traffic_is_asked_for_by_name() -> None:
    with routed(served("b")) as router:
        proved(router, by_name=True)
    assert router.requests[0]["headers"]["x-vllm-revision"] == "b"


def test_the_id_of_the_entry_proves_it_too() -> None:
    with routed(Reply(headers={"x-litellm-model-id": "old"}), Reply(headers={"x-litellm-model-id": "new"})) as router:
        assert proved(router, route_id="new").requests == 4


def test_an_answer_that_does_not_say_where_it_came_from_proves_nothing() -> None:
    with routed(Reply()) as router:
        words = failure(router, seconds=0.5)
    assert "did not show revision b to answer for llama-3-8b 3 times in a row within 0.5 s" in words
    assert "an answer that does not say which revision gave it (neither x-vllm-revision nor x-litellm-model-id is among its headers)" in words


def test_an_answer_without_a_generated_token_proves_nothing() -> None:
    with routed(Reply(body={**GENERATED, "usage": {"completion_tokens": 0}}, headers={"x-vllm-revision": "b"})) as router:
        assert "generated no token" in failure(router, seconds=0.5)


@pytest.mark.parametrize(("state", "status"), [("refused", 503), ("unknown", 404)])
def test_a_refusal_is_waited_for(state: str, status: int) -> None:
    with routed(served("b"), refusal(status, "disabled: see INC-1")) as router:
        proof = proved(router, state=state, revision=None)
    assert (proof.requests, proof.row) == (4, 3)


def test_a_refusal_for_another_reason_is_not_the_one() -> None:
    with routed(refusal(503, "no server is available"), refusal(503, "disabled: see INC-1")) as router:
        assert proved(router, state="refused", refusal="disabled").requests == 4


def test_a_refused_key_is_told_at_once() -> None:
    with routed(refusal(401, "no such key")) as router:
        words = failure(router)
        assert len(router.requests) == 1
    assert words.endswith("HTTP 401 (no such key): it refuses the key; check router_api_key (VLLM_ROUTER_API_KEY)")


def test_an_address_that_may_not_be_spoken_to_is_told_at_once() -> None:
    with routed(served("b")) as router:
        words = failure(router, allowed_networks=[])
        assert router.requests == []
    assert "127.0.0.1 is a loopback address: not spoken to; list its network in allowed_networks" in words


def test_a_router_that_is_not_there_is_waited_for() -> None:
    assert "connection refused" in failure(Router("http://127.0.0.1:1", []), seconds=0.3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"revision": None}, "state routed needs revision"),
        ({"model": ""}, "model '' must be a name"),
        ({"consecutive": 0}, "consecutive must lie between 1 and 1000, not 0"),
        ({"wait_timeout": 0}, "wait_timeout must be a number of seconds above 0"),
        ({"router_api_key": "sk\n"}, "router_api_key has characters"),
        ({"revision": "a\r\nx-evil: 1"}, "is not a name"),
        ({"state": "refused", "revision": None, "by_name": True}, "by_name needs revision"),
        ({"url": "http://user:secret@router"}, "must not carry a user name or password"),
        ({"url": "file:///etc/passwd"}, "must begin with http"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        asking(options(**given))
