# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API key: what it guards, what it leaves open."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ._api import Api, Running, launch

pytestmark = pytest.mark.startup
KEY = {"Authorization": "Bearer first"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Api]:
    running = launch(tmp_path_factory.mktemp("key"), "--served-model-name", "tiny", "--api-key", "first", "second", environ={"VLLM_API_KEY": "from-env"})
    try:
        yield running.ready()
    finally:
        running.stop()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/v2/rerank", "/inference/x", "/cohere/v2/chat"])
def test_without_a_key_guarded_paths_are_401_with_a_string(guarded: Api, path: str) -> None:
    reply = guarded.get(path)
    assert (reply.status, reply.json) == (401, {"error": "Unauthorized"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic Zmlyc3Q="},
        {"Authorization": "first"},
        {"x-api-key": "first"},
        {"Authorization": "Bearer from-env"},
        {"Authorization": "Bearer "},
    ],
    ids=str,
)
def test_a_wrong_key_is_401(guarded: Api, headers: dict[str, str]) -> None:
    assert guarded.get("/v1/models", headers=headers).status == 401


@pytest.mark.parametrize("value", ["Bearer first", "bearer first", "BEARER first", "Bearer second"])
def test_each_key_opens_in_any_case_of_bearer(guarded: Api, value: str) -> None:
    assert guarded.get("/v1/models", headers={"Authorization": value}).status == 200


@pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/metrics", "/load", "/docs", "/openapi.json"])
def test_other_paths_stay_open(guarded: Api, path: str) -> None:
    assert guarded.get(path).status == 200


def test_invocations_generates_without_a_key(guarded: Api) -> None:
    assert guarded.post("/invocations", guarded.chat_body()).status == 200


def test_tokenize_stays_open(guarded: Api) -> None:
    assert guarded.post("/tokenize", {"prompt": "x"}).status == 200


def test_a_401_is_counted_nowhere(guarded: Api) -> None:
    before = guarded.metrics().value("http_requests_total")
    guarded.get("/v1/models")
    assert guarded.metrics().value("http_requests_total") == before


def test_the_key_opens_a_chat(guarded: Api) -> None:
    assert guarded.post("/v1/chat/completions", guarded.chat_body(), headers=KEY).status == 200


def test_a_preflight_passes_the_guard(guarded: Api) -> None:
    assert guarded.send("OPTIONS", "/v1/models").status == 405


def test_the_key_may_come_by_environment(start: t.Callable[..., Running], tmp_path: pathlib.Path) -> None:
    api = start("--served-model-name", "tiny", environ={"VLLM_API_KEY": "from-env"}).ready()
    assert api.get("/v1/models").status == 401
    assert api.get("/v1/models", headers={"Authorization": "Bearer from-env"}).status == 200
