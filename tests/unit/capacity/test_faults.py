"""What goes wrong while the cluster is read: it ends in time, in one sentence, and never in a yes that is not true."""

from __future__ import annotations

import contextlib
import re
import socket
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _question, _reader
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import ApiError, Gone, Unauthorized, Unreachable
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection

from tests.unit.cluster.server import Handler, Step, answer, cut, drip, hole, refuse, reset

from .api import OPTIONS, PODS, Fault, cluster, look
from .build import template

#: Enough for a busy machine to get as far as the fault.
SECONDS = 1.5
SILENCE = r"no answer in time|did not finish"
#: Ways to read the pods: pages of the whole cluster, or one list per node.
WAYS = {"pages": 0, "nodes": 1e9}
HALF = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a"'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
#: In the seconds that a look has; the last column is what the sentence says.
FAULTS: dict[str, tuple[Step, type[Error], str]] = {
    "black hole": (hole, Error, SILENCE),
    "drops of a body without end": (drip(HEAD, 0.01), Error, SILENCE),
    "reset": (reset, Unreachable, "did not answer"),
    "429 for an hour": (refuse(429, "TooManyRequests", Retry_After="3600"), ApiError, "HTTP 429"),
    "503": (refuse(503, "ServiceUnavailable"), ApiError, "HTTP 503"),
    "410 again and again": (refuse(410, "Expired", "the token is too old"), Gone, "the token is too old"),
    "401": (refuse(401, "Unauthorized"), Unauthorized, "check the kubeconfig or token"),
    "500": (refuse(500, "InternalError"), ApiError, "HTTP 500"),
    "broken off": (cut(HALF, 9999), Unreachable, "IncompleteRead"),
    "truncated JSON": (answer(200, HALF), Unreachable, "is not a list of an API server|not a JSON object"),
    "another server": (answer(200, b"<html>"), Unreachable, "not a JSON object|not a list"),
    "another list": (answer(200, b'{"items": ["x"], "metadata": {}}'), Unreachable, "is not a list of an API server"),
}


@contextlib.contextmanager
def in_time(seconds: float) -> t.Iterator[None]:
    """The requirement itself: a look ends within its deadline and a second."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + 1


def _on(where: str, step: Step, *, after: int = 0) -> Fault:
    return lambda path, _query, count: step if path == where and count > after else None


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_while_pods_are_read_is_one_sentence_in_time(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", WAYS[way])
    step, kind, words = FAULTS[name]
    with cluster(6, fault=_on(PODS, step, after=2)) as api, in_time(SECONDS), pytest.raises(kind, match=words) as caught:
        look(api, SECONDS)
    said = str(caught.value)
    assert "\n" not in said
    assert re.search(r"/api/v1/pods|pods at http", said)


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("black hole", "drops of a body without end", "429 for an hour", "503", "reset")])
def test_no_fault_at_any_moment_makes_a_full_cluster_look_free(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", 0)
    faulty: list[range] = []

    def fault(_path: str, _query: dict[str, str], _count: int) -> Step | None:
        return FAULTS[name][0] if any(len(api.seen) in each for each in faulty) else None

    with cluster(3, 8, fault=fault) as api:
        assert look(api)["verdict"] == "fail"
        moments = len(api.seen)
        for moment in range(moments):
            for last in (moment + 1, 9999):
                faulty[:] = [range(len(api.seen) + 1 + moment, len(api.seen) + 1 + last)]
                with contextlib.suppress(Error):
                    assert look(api, 0.2)["verdict"] in ("fail", "inconclusive")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("_small_pages")
def test_a_server_that_is_slow_but_answers_ends_with_the_deadline(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", WAYS[way])

    def late(path: str, query: dict[str, str], _count: int) -> Step:
        def step(handler: Handler) -> None:
            time.sleep(0.15)
            api.truth(path, query)(handler)

        return step

    with cluster(9, fault=late) as api, in_time(0.5), pytest.raises(Error, match=SILENCE):
        look(api, 0.5)


def test_a_host_that_takes_no_connection_ends_with_the_deadline() -> None:
    """Its packets are dropped, as a firewall does: nobody refuses, nobody answers."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _place in range(8):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        connection = Connection(host=f"http://127.0.0.1:{listener.getsockname()[1]}", authorization=lambda: None)
        with in_time(0.5), pytest.raises(Error, match=SILENCE):
            _query.look(connection, _question.question({**OPTIONS, "pod_template": template()}), 0.5)


@pytest.mark.usefixtures("_small_pages")
def test_a_list_that_expires_once_on_its_third_page_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", 0)
    gone = refuse(410, "Expired")
    with cluster(6, fault=lambda path, _query, count: gone if path == PODS and count == 4 else None) as api:
        assert look(api)["slots"] == 24


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("step", [refuse(429, "TooManyRequests", Retry_After="3600"), refuse(503, "x"), refuse(504, "x"), reset, cut(HALF, 9999)])
@pytest.mark.parametrize("way", WAYS)
def test_what_passes_in_a_moment_is_tried_again_and_the_answer_is_whole(step: Step, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", WAYS[way])
    with cluster(6, fault=lambda path, _query, count: step if path == PODS and count == 3 else None) as api:
        assert look(api)["slots"] == 24


@pytest.mark.usefixtures("_small_pages")
def test_one_unauthorized_of_many_lists_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reader, "NODES_PER_POD", 1e9)
    with cluster(400, 1, fault=_on(PODS, refuse(401, "Unauthorized"), after=3)) as api:
        with pytest.raises(Unauthorized):
            look(api)
        # The nodes' own pages, and what was under way; not one list for each of 400 nodes.
        assert len(api.seen) < 300


def test_waiting_for_a_server_that_never_answers_ends_with_the_time_for_waiting() -> None:
    params = {**OPTIONS, "pod_template": template(), "wait": True, "timeout": 5, "wait_timeout": 0.5, "wait_sleep": 0.1}
    with cluster(1, fault=lambda _path, _query, _count: hole) as api, in_time(0.5), pytest.raises(Error, match=SILENCE):
        _query.until(api.connection(), _question.question(params), params)
