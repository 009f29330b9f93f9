"""The startup probe and the helm test as programs, against a server that answers what it is told to."""

from __future__ import annotations

import collections.abc
import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from tests.chart._render import render

NAME = 'It\'s "quoted" $HOME `x`'
Answers = dict[str, tuple[int, t.Any]]

HEALTHY: Answers = {
    "/health": (200, ""),
    "/v1/models": (200, {"data": [{"id": NAME}]}),
    "/v1/completions": (200, {"choices": [{"text": ""}], "usage": {"completion_tokens": 1}}),
}


class Server(http.server.ThreadingHTTPServer):
    """Answers from a table, or not at all when the status is 0; keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[tuple[str, str | None, t.Any]] = []
        self.ended = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        status, content = self.server.answers[self.path]
        if not status:
            self.server.ended.wait(30)
            return
        text = content if isinstance(content, str) else json.dumps(content)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """The test's output stays readable."""


@contextlib.contextmanager
def serving(answers: Answers) -> collections.abc.Iterator[Server]:
    server = Server({**HEALTHY, **answers})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", **env}
    return subprocess.run([sys.executable, "-I", *command[1:]], env=environment, capture_output=True, text=True, timeout=60)


def probe(port: int, seconds: int = 9, **env: str) -> subprocess.CompletedProcess[str]:
    command = list(render({"model": {"servedName": NAME}}).container["startupProbe"]["exec"]["command"])
    command[3] = command[3].replace("$$", "$")  # as the kubelet does
    command[4:] = [str(port), str(seconds)]
    return run(command, **env)


def release_test(port: int, generation: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    command = list(render({"model": {"servedName": NAME}}).test_pod["spec"]["containers"][0]["command"])
    command[3:] = [f"127.0.0.1:{port}", NAME, str(generation).lower()]
    return run(command, **env)


def test_a_token_makes_the_probe_pass() -> None:
    with serving({}) as server:
        done = probe(server.server_port)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path for path, _, _ in server.asked] == ["/health", "/v1/completions"]
    assert server.asked[1][2] == {"model": NAME, "prompt": "Hello", "max_tokens": 1, "temperature": 0}


def test_the_key_goes_along() -> None:
    with serving({}) as server:
        assert probe(server.server_port, VLLM_API_KEY="k").returncode == 0
    assert server.asked[1][1] == "Bearer k"


def test_the_probe_takes_no_proxy() -> None:
    with serving({}) as server:
        assert probe(server.server_port, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9").returncode == 0


FAULTS: dict[str, tuple[Answers, str]] = {
    "dead engine": ({"/health": (503, "")}, "GET /health answered 503: the engine process is dead"),
    "broken generation": ({"/v1/completions": (500, {"error": {"message": "EngineCore encountered an issue"}})}, "for 1 token answered 500: "),
    "wrong name": ({"/v1/completions": (404, {"error": {"message": "The model `x` does not exist."}})}, "The model `x` does not exist."),
    "pooling server": ({"/v1/completions": (404, {"detail": "Not Found"})}, "set probes.startup.generation to false"),
    "wrong key": ({"/v1/completions": (401, {"error": "Unauthorized"})}, "VLLM_API_KEY is not the key of this server"),
    "no token": ({"/v1/completions": (200, {"usage": {"completion_tokens": 0}})}, "answered 200 without a token"),
    "something else": ({"/v1/completions": (200, "<html>")}, "something else than a completion: <html>"),
    "another shape": ({"/v1/completions": (200, [])}, "something else than a completion"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_probe_fails_in_one_sentence(fault: str) -> None:
    answers, said = FAULTS[fault]
    with serving(answers) as server:
        done = probe(server.server_port)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_port_is_a_model_that_loads() -> None:
    with socket.socket() as bound_but_closed:
        bound_but_closed.bind(("127.0.0.1", 0))
        port = bound_but_closed.getsockname()[1]
        done = probe(port)
    assert (done.returncode, done.stderr) == (1, f"nothing listens on port {port} yet: the model is loading\n")


@pytest.mark.parametrize("path", ["/health", "/v1/completions"])
def test_a_silent_server_is_given_up_in_time(path: str) -> None:
    with serving({path: (0, "")}) as server:
        started = time.monotonic()
        done = probe(server.server_port, seconds=1)
    assert done.returncode == 1
    assert "gave no answer within 1 s" in done.stderr
    assert path in done.stderr
    assert time.monotonic() - started < 5


def test_a_release_that_answers_passes_its_test() -> None:
    with serving({}) as server:
        done = release_test(server.server_port, VLLM_API_KEY="k")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", "/health"], ["ok", "/v1/models"], ["ok", "/v1/completions"]]
    assert {key for _, key, _ in server.asked} == {"Bearer k"}


def test_a_pooling_release_is_not_asked_to_generate() -> None:
    with serving({"/v1/completions": (404, {"detail": "Not Found"})}) as server:
        assert release_test(server.server_port, generation=False).returncode == 0


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/health": (503, "")}, "FAILED /health answered 503"),
        ({"/v1/models": (200, {"data": [{"id": "other"}]})}, "FAILED /v1/models serves ['other']"),
        ({"/v1/completions": (500, "broken")}, "FAILED /v1/completions answered 500: broken"),
        ({"/v1/completions": (200, {"usage": {"completion_tokens": 0}})}, "answered without a token"),
    ],
)
def test_a_release_that_does_not_answer_fails_its_test(answers: Answers, said: str) -> None:
    with serving(answers) as server:
        done = release_test(server.server_port)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_service_that_no_one_answers_fails_the_test() -> None:
    done = release_test(9)
    assert done.returncode == 1
    assert "is a pod ready" in done.stderr
