"""A control plane that goes away in mid-run: what is repeated, for how long, and what is never done twice."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import ApiError, Client, Conflict, NotFound, Unreachable, repeatable
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection

from .secure import Authority, api
from .server import Server, Step, answer, cut, refuse, reset

AWAY_SECONDS = 2.0
FIXED = {"metadata": {"name": "m", "resourceVersion": "5"}}
Call = t.Callable[[Client], object]


@contextlib.contextmanager
def away(steps: t.Sequence[Step], seconds: float = AWAY_SECONDS) -> t.Iterator[Server]:
    """A server that is gone (nobody listens) and comes back on the same port."""
    server = Server(steps)
    host, port = server._server.server_address[:2]
    server._server.socket.close()
    server._server.socket = socket.socket()
    server._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def back() -> None:
        server._server.socket.bind((host, port))
        server._server.socket.listen(5)
        server._thread.start()

    timer = threading.Timer(seconds, back)
    timer.start()
    try:
        yield server
    finally:
        timer.join()
        server._server.shutdown()
        server._server.server_close()


def patient(server: Server, patience: float = 20.0, seconds: float = 40.0) -> Client:
    return Client(server.connection(), Deadline(seconds), patience=patience)


CALLS: dict[str, Call] = {
    "get": lambda client: client.get("/x"),
    "create": lambda client: client.create("/x", {"metadata": {"generateName": "m-"}}),
    "replace": lambda client: client.replace("/x", {}),
    "patch": lambda client: client.patch("/x", {}),
    "delete": lambda client: client.delete("/x"),
}


@pytest.mark.parametrize("verb", CALLS)
def test_every_verb_outlives_a_server_that_is_away_for_two_seconds(verb: str) -> None:
    """Nothing was sent, so that nothing can be done twice."""
    with away([answer(200, {})]) as server:
        start = time.monotonic()
        CALLS[verb](patient(server))
        assert AWAY_SECONDS <= time.monotonic() - start < 15
        assert len(server.seen) == 1


@pytest.mark.parametrize("verb", CALLS)
def test_without_patience_nobody_who_listens_is_told_at_once(verb: str) -> None:
    with away([answer(200, {})], 0.5) as server:
        start = time.monotonic()
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            CALLS[verb](patient(server, 0.0))
        assert not caught.value.sent
        assert time.monotonic() - start < 0.5


def test_patience_ends_and_the_last_failure_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    start = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        Client(Connection(url, lambda: None), Deadline(60), patience=0.7).get("/x")
    assert 0.7 <= time.monotonic() - start < 3


def test_patience_counts_from_the_first_failure_of_each_call() -> None:
    lost = [reset, answer(200, {})]
    with Server(lost * 3) as server:
        client = patient(server, 0.4)
        for _ in range(3):
            client.get("/x")
            time.sleep(0.3)


def test_the_deadline_stands_above_patience() -> None:
    with Server([refuse(503, "x")]) as server:
        start = time.monotonic()
        with pytest.raises(Error):
            patient(server, 60, 0.5).get("/x")
        assert time.monotonic() - start < 2


@pytest.mark.parametrize("fault", [reset, cut(b"{", 9), refuse(503, "x"), refuse(504, "Timeout")], ids=["reset", "cut", "503", "504"])
@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda client: client.get("/x"), 2),
        (lambda client: client.replace("/x/m", FIXED), 2),
        (lambda client: client.replace("/x/m", {"metadata": {"name": "m"}}), 1),
        (lambda client: client.patch("/x/m", {"metadata": {"resourceVersion": "5"}}), 2),
        (lambda client: client.patch("/x/m", {"spec": {"replicas": 1}}), 1),
        (lambda client: client.patch("/x/m", [{"op": "add"}]), 1),
        (lambda client: client.create("/x", {"metadata": {"name": "m"}}), 2),
        (lambda client: client.create("/x", {"metadata": {"generateName": "m-"}}), 1),
        (lambda client: client.create("/api/v1/namespaces/n/pods/m/eviction", {"metadata": {"name": "m"}}), 1),
        (lambda client: client.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}}), 2),
        (lambda client: client.create("/x", {}, {"dryRun": "All"}), 2),
        (lambda client: client.delete("/x/m"), 1),
        (lambda client: client.delete("/x/m", {"preconditions": {"uid": "u"}}), 2),
    ],
)
def test_after_an_unclear_end_only_what_is_safe_is_sent_again(call: Call, sent: int, fault: Step) -> None:
    with Server([fault, answer(200, {})]) as server:
        with contextlib.nullcontext() if sent == 2 else pytest.raises(Error):
            call(patient(server))
        assert len(server.seen) == sent


def test_a_conflict_with_our_own_first_try_says_that_it_may_be_one() -> None:
    with Server([reset, refuse(409, "Conflict")]) as server, pytest.raises(Conflict) as caught:
        patient(server).replace("/x/m", FIXED)
    assert caught.value.repeated
    with Server([refuse(429, "x"), refuse(409, "Conflict")]) as server, pytest.raises(Conflict) as other:
        patient(server).replace("/x/m", FIXED)
    assert not other.value.repeated


def test_what_our_own_first_try_removed_is_removed() -> None:
    with Server([reset, refuse(404, "NotFound")]) as server:
        patient(server).delete("/x/m", {"preconditions": {"uid": "u"}})
    with Server([refuse(404, "NotFound")]) as server, pytest.raises(NotFound):
        patient(server).delete("/x/m", {"preconditions": {"uid": "u"}})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 500])
def test_a_no_is_not_asked_again_however_patient_one_is(status: int) -> None:
    with Server([refuse(status, "x"), answer(200, {})]) as server:
        with pytest.raises(ApiError):
            patient(server).get("/x")
        assert len(server.seen) == 1


def test_a_certificate_that_is_not_trusted_will_not_be_a_moment_later() -> None:
    start = time.monotonic()
    with api(Authority()) as (url, _seen), pytest.raises(Unreachable, match="is not trusted"):
        Client(Connection(url, lambda: None), Deadline(30), patience=20).get("/x")
    assert time.monotonic() - start < 5


def test_a_read_does_not_use_up_the_time_of_a_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of half an hour, and a server that says 503 all the time: nothing would be told and no lock renewed."""
    monkeypatch.setattr(_client, "CALL_SECONDS", 0.5)
    with Server([refuse(503, "x")]) as server:
        start = time.monotonic()
        with pytest.raises(ApiError):
            patient(server, 0.0, 1800).get("/x")
        assert time.monotonic() - start < 3


def test_what_comes_after_a_long_wait_has_a_deadline_of_its_own_on_the_same_connection() -> None:
    with Server([answer(200, {})]) as server:
        client = patient(server, 0.0, 0.2)
        client.get("/x")
        time.sleep(0.3)
        with pytest.raises(Error, match="did not finish"):
            client.get("/x")
        later = client.within(Deadline(5), patience=1.0)
        later.get("/x")
        assert (client.requests, later.requests, later.patience, client.patience) == (2, 2, 1.0, 0.0)
        assert later._local is client._local


def test_an_object_in_a_namespace_of_its_own_name_is_rather_not_repeated() -> None:
    body = {"metadata": {"name": "staging"}}
    assert not repeatable("POST", "/api/v1/namespaces/staging/secrets", None, body)
    assert repeatable("POST", "/api/v1/namespaces/other/secrets", None, body)
