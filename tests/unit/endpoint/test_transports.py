"""Transports with something in between: the API server's proxy, an HTTP proxy, and what is tried when none is named."""

from __future__ import annotations

import socket
import threading
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils.cluster._options import kubernetes_options

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import KEY, verdicts, verified

PREFIX = "/api/v1/namespaces/staging/services/model:http/proxy"
NO_CLUSTER: dict[str, t.Any] = dict.fromkeys(kubernetes_options())


def cluster(url: str) -> dict[str, t.Any]:
    """Options for an API server at that address."""
    return {**NO_CLUSTER, "host": url, "api_key": "cluster-token", "namespace": "staging"}


def test_a_service_is_verified_through_the_api_server_and_only_its_token_goes_there() -> None:
    with vllm(Behaviour(prefix=PREFIX)) as (url, it):
        result = verified("", via="service_proxy", service="model", endpoint_api_key=KEY, **cluster(url))
    assert result["verdict"] == "pass", result["message"]
    assert result["subject"] == {"model": "llama-3-8b", "namespace": "staging"}, "this API server shows neither Service nor pods"
    assert KEY not in str(it.seen)


def test_a_server_that_requires_a_key_cannot_be_verified_through_the_api_server() -> None:
    with vllm(Behaviour(prefix=PREFIX, key=KEY)) as (url, _it):
        result = verified("", via="service_proxy", service="model", endpoint_api_key=KEY, **cluster(url))
    assert result["verdict"] == "inconclusive"
    assert result["code"] == "key_not_carried"


def test_what_the_api_server_says_for_itself_is_not_taken_for_the_endpoint() -> None:
    with vllm(Behaviour(prefix=PREFIX)) as (url, _it):
        result = verified("", via="service_proxy", service="another", **cluster(url))
    assert result["verdict"] == "inconclusive"
    assert result["code"] == "no_transport"
    assert "services not found" in result["message"]


def test_auto_goes_on_to_the_next_transport_and_reports_which_it_took() -> None:
    with vllm() as (url, _it):
        result = verified(url, via="auto", service="model", **cluster("http://127.0.0.1:9"))
    assert (result["via"], result["verdict"]) == ("direct", "pass"), result["message"]


def test_auto_says_of_every_transport_why_it_cannot_be_used() -> None:
    result = verified("http://127.0.0.1:9", via="auto", service="model", **cluster("http://127.0.0.1:9"))
    assert result["verdict"] == "inconclusive"
    for name in ("port_forward", "service_proxy", "direct"):
        assert f"{name}: " in result["message"], result["message"]


def test_a_router_is_not_asked_for_its_own_health_and_may_answer_under_another_name() -> None:
    def renamed(_asked: dict[str, t.Any]) -> tuple[int, dict[str, t.Any]]:
        choice = {"finish_reason": "stop", "message": {"content": "OK"}}
        return 200, {"model": "hosted_vllm/llama-3-8b", "choices": [choice], "usage": {"completion_tokens": 1}}

    with vllm(Behaviour(health=401, generation=renamed)) as (url, _it):
        result = verified(url, via="router", samples=0, checks=["models", "chat"])
        assert "health" not in verdicts(verified(url, via="router", samples=0))
    assert result["verdict"] == "pass", result["message"]


def forward_proxy(listener: socket.socket, seen: list[bytes]) -> None:
    """Takes one connection, notes each request's first line, and passes everything on to the port that the request names."""
    connection = listener.accept()[0]
    head = connection.recv(65536)
    seen.append(head.split(b"\r\n")[0])
    address = head.split(b" ")[1]
    port = int(address.split(b":")[2].split(b"/")[0])
    with socket.create_connection(("127.0.0.1", port)) as onward:
        onward.sendall(head.replace(address, b"/" + address.split(b"/", 3)[3], 1))
        while piece := onward.recv(65536):
            connection.sendall(piece)
    connection.close()


def test_an_http_proxy_is_used_when_asked_for_and_resolves_the_name_itself() -> None:
    seen: list[bytes] = []
    with vllm() as (url, _it), socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=forward_proxy, args=(listener, seen), daemon=True).start()
        port = url.rpartition(":")[2]
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = verified(f"http://model.staging.svc.cluster.local:{port}", checks=["health"], http_proxy=proxy)
    assert result["verdict"] == "pass", result["message"]
    assert seen == [f"GET http://model.staging.svc.cluster.local:{port}/health HTTP/1.1".encode()]
