"""A router is asked until it follows, and not longer than it makes sense."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.routing._decide import RouterAnswer
from ansible_collections.inference.vllm.plugins.module_utils.routing._options import asking, routing_options
from ansible_collections.inference.vllm.plugins.module_utils.routing._prove import Proof, RoutingError, prove

from ._router import GENERATED, Reply, Router, refusal, routed, served

LOOPBACK = ["127.0.0.0/8"]


def options(**more: t.Any) -> dict[str, t.Any]:
    defaults = {name: option.get("default") for name, option in routing_options().items()}
    return {**defaults, "url": "http://127.0.0.1:1", "model": "llama-3-8b", "revision": "b", "allowed_networks": LOOPBACK, **more}


def proved(router: Router, said: list[str] | None = None, *, seconds: float = 30, **more: t.Any) -> Proof:
    return prove(asking(options(url=router.url, **more)), Deadline(seconds), (said if said is not None else []).append, sleep=lambda _pause: None)


def failure(router: Router, **more: t.Any) -> RouterAnswer:
    """The last answer of a proof that failed."""
    with pytest.raises(RoutingError) as caught:
        proved(router, **more)
    last = caught.value.proof.last
    assert last is not None
    assert caught.value.code == "not_routed"
    assert last.line in str(caught.value)
    return last


def test_it_waits_until_the_registered_revision_answers() -> None:
    said: list[str] = []
    with routed(refusal(404, "The model `llama-3-8b` does not exist."), served("a"), served("b")) as router:
        proof = proved(router, said)
    assert (proof.requests, proof.row) == (5, 3)
    assert proof.last is not None
    assert (proof.last.verdict, proof.last.code, proof.last.revision) == ("pass", "ok", "b")
    assert len(said) == 2, "one line for each different answer"
    assert "The model `llama-3-8b` does not exist." in said[0]


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
        last = failure(router, seconds=0.5)
    assert (last.verdict, last.code, last.status) == ("inconclusive", "unknown_revision", 200)


def test_an_answer_without_a_generated_token_proves_nothing() -> None:
    with routed(Reply(body={**GENERATED, "usage": {"completion_tokens": 0}}, headers={"x-vllm-revision": "b"})) as router:
        assert failure(router, seconds=0.5).code == "empty_answer"


@pytest.mark.parametrize(("state", "status"), [("refused", 503), ("unknown", 404)])
def test_a_refusal_is_waited_for(state: str, status: int) -> None:
    with routed(served("b"), refusal(status, "disabled: see INC-1")) as router:
        proof = proved(router, state=state, revision=None)
    assert (proof.requests, proof.row) == (4, 3)


def test_a_refusal_for_another_reason_is_not_the_one() -> None:
    with routed(refusal(503, "no server is available"), refusal(503, "disabled: see INC-1")) as router:
        assert proved(router, state="refused", refusal="disabled").requests == 4


def test_a_refused_key_is_reported_at_once() -> None:
    with routed(refusal(401, "no such key")) as router:
        last = failure(router)
        assert len(router.requests) == 1
    assert (last.verdict, last.code, last.status) == ("fail", "key_refused", 401)
    assert "no such key" in last.line


def test_an_address_that_is_denied_is_reported_at_once() -> None:
    with routed(served("b")) as router:
        last = failure(router, allowed_networks=[])
        assert router.requests == []
    assert (last.verdict, last.code) == ("fail", "address_denied")


def test_a_router_that_is_not_there_is_waited_for() -> None:
    last = failure(Router("http://127.0.0.1:1", []), seconds=0.3)
    assert (last.verdict, last.code) == ("inconclusive", "connection_refused")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"revision": None}, "state routed needs revision"),
        ({"model": ""}, "model '' must be a name"),
        ({"consecutive": 0}, "consecutive must be between 1 and 1000, not 0"),
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
