# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GET /v1/models."""

from __future__ import annotations

from ._api import Api


def test_the_list_has_one_card_with_name_and_length(api: Api) -> None:
    body = api.get("/v1/models").json
    card = body["data"][0]
    assert (body["object"], card["id"], card["object"], card["owned_by"]) == ("list", api.model, "model", "vllm")
    assert (card["max_model_len"], card["parent"]) == (api.limit, None)
    assert isinstance(card["root"], str)


def test_a_permission_is_new_each_time(api: Api) -> None:
    first, second = (api.get("/v1/models").json["data"][0]["permission"][0]["id"] for _ in range(2))
    assert first != second


def test_the_permission_has_openais_fields(api: Api) -> None:
    permission = api.get("/v1/models").json["data"][0]["permission"][0]
    assert permission["id"].startswith("modelperm-")
    assert {"allow_sampling", "allow_view", "is_blocking", "organization", "group"} <= permission.keys()


def test_one_model_alone_has_no_route(api: Api) -> None:
    assert api.get(f"/v1/models/{api.model}").json == {"detail": "Not Found"}


def test_models_takes_get_alone(api: Api) -> None:
    assert api.post("/v1/models", {}).headers["allow"] == "GET"
