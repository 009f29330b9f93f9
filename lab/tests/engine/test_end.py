# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a server: SIGTERM idle and at work, drain, death of the engine."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import signal
import time
import typing as t

import pytest

from ._api import Api, Running, until

pytestmark = pytest.mark.startup
Start = t.Callable[..., Running]


def _stream(api: Api, tokens: int, seconds: float = 60.0) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = api.connect(seconds)
    body = json.dumps(api.chat_body(max_tokens=tokens, ignore_eos=True, stream=True, stream_options={"include_usage": True}))
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    reply.readline()
    return connection, reply


def _terminate(running: Running) -> None:
    running.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_with_0(start: Start, number: signal.Signals) -> None:
    running = start()
    running.ready()
    running.process.send_signal(number)
    assert running.wait(10) == 0


def test_an_idle_connection_does_not_hold_the_end_up(start: Start) -> None:
    running = start()
    api = running.ready()
    with contextlib.closing(api.connect()) as connection:
        connection.request("GET", "/version")
        connection.getresponse().read()
        _terminate(running)
        assert running.wait(10) == 0


def test_a_drain_lets_work_finish_and_ends_with_0(start: Start) -> None:
    running = start("--served-model-name", "tiny", "--shutdown-timeout", "60")
    api = running.ready()
    connection, reply = _stream(api, 600)
    with contextlib.closing(connection):
        _terminate(running)
        time.sleep(0.3)
        assert api.get("/health").status == 200
        refused = api.chat()
        assert (refused.status, refused.error["message"]) == (500, "cannot schedule new futures after shutdown")
        text = reply.read().decode()
    assert '"completion_tokens":600' in text
    assert text.rstrip().endswith("data: [DONE]")
    assert running.wait(10) == 0


@pytest.mark.simulated
def test_by_default_work_in_flight_makes_the_process_hang_until_the_client_leaves(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_ITL_MS": "20"})
    api = running.ready()
    connection, reply = _stream(api, 2000)
    with contextlib.closing(connection):
        _terminate(running)
        until(running.refuses)
        for number in (signal.SIGTERM, signal.SIGINT):
            running.process.send_signal(number)
        time.sleep(0.3)
        assert running.process.poll() is None
        connection.sock = None
        reply.close()
    assert running.wait(5) == 0


@pytest.mark.simulated
def test_a_drain_that_is_too_short_ends_the_same_way(start: Start) -> None:
    running = start("--served-model-name", "tiny", "--shutdown-timeout", "1", environ={"LAB_ENGINE_ITL_MS": "50"})
    connection, reply = _stream(running.ready(), 2000)
    with contextlib.closing(connection):
        _terminate(running)
        time.sleep(0.5)
        assert not running.refuses()
        until(running.refuses)
        assert running.process.poll() is None
        reply.close()
    assert running.wait(5) == 0


@pytest.mark.simulated
def test_an_aborted_stream_ends_with_abort_and_done(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_SIGTERM": "abort", "LAB_ENGINE_ITL_MS": "20"})
    connection, reply = _stream(running.ready(), 2000)
    with contextlib.closing(connection):
        _terminate(running)
        text = reply.read().decode()
    assert '"finish_reason":"abort"' in text
    assert text.rstrip().endswith("data: [DONE]")
    assert running.wait(5) == 0


@pytest.mark.simulated
def test_an_aborted_plain_request_is_a_200(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_SIGTERM": "abort", "LAB_ENGINE_ITL_MS": "10"})
    api = running.ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.chat, max_tokens=1000, ignore_eos=True)
        until(lambda: api.metrics().value("vllm:num_requests_running") == 1)
        time.sleep(0.1)  # a few tokens
        _terminate(running)
        reply = answer.result()
    assert (reply.status, reply.json["choices"][0]["finish_reason"]) == (200, "abort")
    assert 1 < reply.json["usage"]["completion_tokens"] < 1000


@pytest.mark.simulated
def test_a_killed_engine_may_end_the_stream_with_an_error(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_SIGTERM": "error", "LAB_ENGINE_ITL_MS": "20"})
    connection, reply = _stream(running.ready(), 2000)
    with contextlib.closing(connection):
        _terminate(running)
        lines = [line for line in reply.read().decode().split("\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert lines[-2].startswith('data: {"error": {"message": "EngineCore encountered an issue.')
    assert running.wait(5) == 0


def test_sigterm_while_loading_ends_the_process(start: Start) -> None:
    running = start(environ={"LAB_ENGINE_LOAD_SECONDS": "30"})
    running.until("non-default args")
    _terminate(running)
    assert running.wait(20) != 0


def test_a_started_server_ends_at_once_with_sigkill(start: Start) -> None:
    running = start()
    running.ready()
    running.process.kill()
    assert running.wait(5) == -signal.SIGKILL


@pytest.mark.simulated
def test_a_dead_engine_is_503_on_health_and_ends_with_0_by_the_watchdog(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_DEAD_AFTER": "0.3", "LAB_ENGINE_WATCHDOG_SECONDS": "1.5"})
    api = running.ready()
    until(lambda: api.get("/health").status != 200)
    assert (api.get("/health").status, api.get("/health").body) == (503, b"")
    assert (api.get("/v1/models").status, api.get("/metrics").status) == (200, 200)
    assert running.wait(10) == 0


@pytest.mark.simulated
def test_a_request_that_meets_the_dead_engine_ends_it_at_once(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"LAB_ENGINE_BROKEN_AFTER": "0", "LAB_ENGINE_WATCHDOG_SECONDS": "60"})
    api = running.ready()
    assert (api.get("/health").status, api.get("/v1/models").status) == (200, 200)
    reply = api.chat()
    message = "EngineCore encountered an issue. See stack trace (above) for the root cause."
    assert (reply.status, reply.error) == (500, {"message": message, "type": "InternalServerError", "param": None, "code": 500})
    assert running.wait(3) == 0


@pytest.mark.simulated
def test_a_broken_engine_answers_a_stream_with_200_and_one_error_chunk(start: Start) -> None:
    api = start("--served-model-name", "tiny", environ={"LAB_ENGINE_BROKEN_AFTER": "0"}).ready()
    reply = api.chat(stream=True)
    assert reply.status == 200
    assert len(reply.events) == 2
    assert reply.events[0].startswith('{"error": {"message": "EngineCore encountered an issue.')
    assert reply.events[1] == "[DONE]"


@pytest.mark.simulated
def test_an_engine_that_dies_in_mid_stream_says_so_inside_the_200(start: Start) -> None:
    api = start("--served-model-name", "tiny", environ={"LAB_ENGINE_DEAD_AFTER": "1", "LAB_ENGINE_ITL_MS": "20"}).ready()
    reply = api.chat(stream=True, max_tokens=2000, ignore_eos=True)
    assert reply.status == 200
    assert len(reply.events) > 3
    assert reply.chunks[-1]["error"]["code"] == 500
    assert reply.events[-1] == "[DONE]"


@pytest.mark.simulated
def test_a_dead_engine_may_be_kept_up(start: Start) -> None:
    environ = {"VLLM_KEEP_ALIVE_ON_ENGINE_DEATH": "1", "LAB_ENGINE_BROKEN_AFTER": "0", "LAB_ENGINE_WATCHDOG_SECONDS": "0.2"}
    running = start("--served-model-name", "tiny", environ=environ)
    api = running.ready()
    assert api.chat().status == 500
    time.sleep(0.8)
    assert api.get("/health").status == 503


@pytest.mark.skipif("ENGINE_COMMAND" not in os.environ, reason="only a real server has an engine process to kill")
def test_killing_the_real_engine_process_ends_with_0(start: Start) -> None:
    running = start()
    api = running.ready()
    proc = pathlib.Path("/proc")
    for child in (proc / f"{running.process.pid}/task/{running.process.pid}/children").read_text().split():
        if "EngineCore" in (proc / child / "cmdline").read_text():
            os.kill(int(child), signal.SIGKILL)
    until(lambda: _says_that_it_is_dead(api))
    assert running.wait(20) == 0


def _says_that_it_is_dead(api: Api) -> bool:
    """Or has ended already: it learns of its engine's death some tenths of a second later, and then it may be quick."""
    try:
        return api.get("/health").status == 503
    except OSError:
        return True
