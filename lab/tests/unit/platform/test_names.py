"""The name proxy decides as kube-proxy and a NetworkPolicy controller would."""

from __future__ import annotations

import typing as t

import pytest

from lab.names._proxy import destination, namespace, parse
from lab.names._resolve import Backend, Refused, Source, World, admit, backends, reach, selects, service_of

Json = dict[str, t.Any]


def service(port: int = 8000) -> Json:
    return {"metadata": {"name": "m"}, "spec": {"ports": [{"name": "http", "port": port, "targetPort": "http"}]}}


def endpoint_slice(*pods: tuple[str, bool | None], port: int = 8000) -> Json:
    ready = [{"targetRef": {"kind": "Pod", "name": name}, "conditions": {} if value is None else {"ready": value}} for name, value in pods]
    return {"metadata": {"labels": {"kubernetes.io/service-name": "m"}}, "ports": [{"name": "http", "port": port}], "endpoints": ready}


def pod(name: str = "a", **labels: str) -> Json:
    container = {"ports": [{"name": "http", "containerPort": 8000}]}
    return {"metadata": {"name": name, "namespace": "staging", "labels": labels}, "spec": {"containers": [container]}}


def policy(ingress: list[Json], selector: Json | None = None, types: tuple[str, ...] = ("Ingress",)) -> Json:
    return {"metadata": {"name": "p"}, "spec": {"podSelector": selector or {}, "policyTypes": list(types), "ingress": ingress}}


def world(**parts: t.Sequence[Json]) -> World:
    kinds: dict[str, t.Sequence[Json]] = {"services": [service()], "slices": [], "pods": [pod()], "policies": [], "forwards": []}
    return World(**{**kinds, **parts})


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("m.staging.svc.cluster.local", ("m", "staging")),
        ("m.staging.svc.cluster.local.", ("m", "staging")),
        ("M.Staging.SVC", ("m", "staging")),
        ("m.staging", None),
        ("m", None),
        ("m.staging.svc.example.com", None),
        ("a.b.staging.svc.cluster.local", None),
    ],
)
def test_cluster_names_are_told_from_others(host: str, found: tuple[str, str] | None) -> None:
    assert service_of(host) == found


def test_only_ready_pods_are_behind_a_service() -> None:
    seen = world(slices=[endpoint_slice(("c", True), ("b", False)), endpoint_slice(("a", None))])
    assert backends(seen, "m", 8000) == [Backend("a", 8000), Backend("c", 8000)]


def test_the_services_port_leads_to_the_slices_port() -> None:
    assert backends(world(services=[service(80)], slices=[endpoint_slice(("a", True))]), "m", 80) == [Backend("a", 8000)]


@pytest.mark.parametrize(
    ("name", "port", "slices", "status", "words"),
    [
        ("other", 8000, [], 502, "there is no Service other"),
        ("m", 9000, [], 502, "has no port 9000; it has 8000"),
        ("m", 8000, [], 503, "has no ready endpoint"),
        ("m", 8000, [endpoint_slice(("a", False))], 503, "has no ready endpoint"),
    ],
)
def test_what_leads_nowhere_is_refused_in_words(name: str, port: int, slices: list[Json], status: int, words: str) -> None:
    with pytest.raises(Refused) as refused:
        backends(world(slices=slices), name, port)
    assert refused.value.status == status
    assert words in str(refused.value)


ROUTER = Source("litellm", {"kubernetes.io/metadata.name": "litellm"})
BY_NAME = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "litellm"}}}
OTHER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}


@pytest.mark.parametrize(
    ("policies", "source", "open_"),
    [
        ([], ROUTER, True),
        ([policy([])], ROUTER, False),
        ([policy([{}])], ROUTER, True),
        ([policy([], types=("Egress",))], ROUTER, True),
        ([policy([], {"matchLabels": {"app": "other"}})], ROUTER, True),
        ([policy([{"from": [BY_NAME]}])], ROUTER, True),
        ([policy([{"from": [OTHER]}])], ROUTER, False),
        ([policy([{"from": [OTHER]}]), policy([{"from": [BY_NAME]}])], ROUTER, True),
        ([policy([{"from": [{**BY_NAME, "podSelector": {"matchLabels": {"app": "litellm"}}}]}])], ROUTER, True),
        ([policy([{"from": [{"podSelector": {}}]}])], ROUTER, False),
        ([policy([{"from": [{"podSelector": {}}]}])], Source("staging", {}), True),
        ([policy([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])], ROUTER, False),
        ([policy([{"from": [{"namespaceSelector": {}}]}])], ROUTER, True),
        ([policy([{"from": [BY_NAME], "ports": [{"port": 8000}]}])], ROUTER, True),
        ([policy([{"from": [BY_NAME], "ports": [{"port": "http"}]}])], ROUTER, True),
        ([policy([{"from": [BY_NAME], "ports": [{"port": 9000}]}])], ROUTER, False),
        ([policy([{"from": [BY_NAME], "ports": [{"port": 7000, "endPort": 8000}]}])], ROUTER, True),
        ([policy([{"from": [BY_NAME], "ports": [{"port": 8000, "protocol": "UDP"}]}])], ROUTER, False),
    ],
)
def test_network_policies_let_in_what_they_say(policies: list[Json], source: Source, open_: bool) -> None:
    seen = world(pods=[pod(app="m")], policies=policies)
    if open_:
        admit(seen, Backend("a", 8000), source)
    else:
        with pytest.raises(Refused, match="NetworkPolicy p") as refused:
            admit(seen, Backend("a", 8000), source)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "a", "operator": "In", "values": ["1", "2"]}, True),
        ({"key": "a", "operator": "In", "values": ["2"]}, False),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["1"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "b", "operator": "DoesNotExist"}, True),
    ],
)
def test_label_selectors_follow_kubernetes(expression: Json, selected: bool) -> None:
    assert selects({"matchExpressions": [expression]}, {"a": "1"}) is selected


def test_a_pod_is_reached_where_its_port_forward_says() -> None:
    forward = {"metadata": {"name": "a"}, "spec": {"forwards": [{"ports": [8000], "target": {"address": "127.0.0.1", "port": 41234}}]}}
    assert reach(world(forwards=[forward]), Backend("a", 8000)) == ("127.0.0.1", 41234)
    for backend in (Backend("a", 9000), Backend("b", 8000)):
        with pytest.raises(Refused, match="has no process"):
            reach(world(forwards=[forward]), backend)


def test_requests_of_clients_are_understood() -> None:
    head = "POST http://m.staging.svc:8000/v1/x?y=1 HTTP/1.1\r\nHost: m\r\nProxy-Authorization: Basic bGl0ZWxsbTo=\r\n\r\n"
    method, target, version, headers = parse(head)
    assert (method, version) == ("POST", "HTTP/1.1")
    assert destination(method, target) == ("m.staging.svc", 8000, "/v1/x?y=1")
    assert namespace(headers) == "litellm"
    assert namespace([]) == "default"
    assert destination("CONNECT", "m.staging.svc:8000")[:2] == ("m.staging.svc", 8000)
    assert destination("GET", "http://m.staging.svc") == ("m.staging.svc", 80, "/")


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/v1/models"), ("GET", "https://m.staging.svc/"), ("GET", "http://m:x/"), ("CONNECT", ""), ("GET", "ftp://m")]
)
def test_what_is_no_request_to_a_proxy_is_refused(method: str, target: str) -> None:
    with pytest.raises(Refused) as refused:
        destination(method, target)
    assert refused.value.status == 400


@pytest.mark.parametrize("head", ["", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "hello\r\n\r\n"])
def test_what_is_no_http_is_refused(head: str) -> None:
    with pytest.raises(Refused, match="is no HTTP/1 request"):
        parse(head)
