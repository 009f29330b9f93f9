# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kubelets, balancers and verifiers ask without generating anything."""

from __future__ import annotations

import pytest

from ._api import Api


@pytest.mark.parametrize("path", ["/health", "/ping"])
def test_health_is_an_empty_200(api: Api, path: str) -> None:
    reply = api.get(path)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
    assert "content-type" not in reply.headers


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_health_takes_get_alone(api: Api, method: str) -> None:
    reply = api.send(method, "/health")
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


def test_ping_takes_post_too(api: Api) -> None:
    assert api.post("/ping").status == 200


@pytest.mark.parametrize("path", ["/ready", "/healthz", "/livez", "/readyz", "/health/ready", "/v1", "/v1/health", "//v1/models", "/nothing"])
def test_an_unknown_path_is_404_with_a_detail(api: Api, path: str) -> None:
    reply = api.get(path)
    assert (reply.status, reply.json) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("path", ["/health/", "/v1/models/", "/version/"])
def test_a_slash_at_the_end_redirects(api: Api, path: str) -> None:
    reply = api.get(path)
    assert reply.status == 307
    assert reply.headers["location"].endswith(path.rstrip("/"))


def test_version_names_the_server(api: Api) -> None:
    assert api.get("/version").json["version"].count(".") >= 2


def test_load_is_zero_without_tracking(api: Api) -> None:
    assert api.get("/load").json == {"server_load": 0}


def test_server_load_and_vary_headers_are_those_of_uvicorn_and_starlette(api: Api) -> None:
    reply = api.get("/version")
    assert (reply.headers["server"], reply.headers["vary"], reply.headers["content-type"]) == ("uvicorn", "Origin", "application/json")


@pytest.mark.parametrize(("path", "method"), [("/v1/chat/completions", "GET"), ("/v1/completions", "PUT"), ("/tokenize", "GET"), ("/version", "POST")])
def test_a_wrong_method_is_405_with_a_detail(api: Api, path: str, method: str) -> None:
    reply = api.send(method, path)
    assert (reply.status, reply.json) == (405, {"detail": "Method Not Allowed"})


def test_no_cross_origin_access_is_offered(api: Api) -> None:
    reply = api.get("/version", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in reply.headers


def test_a_preflight_is_refused(api: Api) -> None:
    reply = api.send("OPTIONS", "/v1/chat/completions", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    assert (reply.status, reply.text) == (400, "Disallowed CORS origin")


def test_docs_and_openapi_are_open(api: Api) -> None:
    assert api.get("/docs").headers["content-type"].startswith("text/html")
    assert "/v1/chat/completions" in api.get("/openapi.json").json["paths"]


@pytest.mark.parametrize("path", ["/sleep", "/pause", "/collective_rpc", "/reset_prefix_cache", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"])
def test_doors_for_developers_are_not_there(api: Api, path: str) -> None:
    assert api.post(path, {}).status == 404
