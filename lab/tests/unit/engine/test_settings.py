# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From arguments and environment to settings."""

from __future__ import annotations

import pathlib

import pytest

from lab.engine._cli import parse
from lab.engine._environment import port_error, unknown_names
from lab.engine._faults import Faults, faults_from
from lab.engine._model_source import source_error
from lab.engine._settings import ConfigError, Settings, settings_from


def settings(*words: str, **environ: str) -> Settings:
    return settings_from(parse(["org/m", *words]), environ)


def test_the_flag_wins_over_the_environments_key() -> None:
    assert settings("--api-key", "a", VLLM_API_KEY="b").keys == ("a",)
    assert settings(VLLM_API_KEY="b").keys == ("b",)
    assert settings().keys == ()


def test_a_length_above_the_models_own_is_refused_unless_allowed() -> None:
    with pytest.raises(ConfigError, match="greater than the derived max_model_len"):
        settings("--max-model-len", "9000", LAB_ENGINE_MODEL_MAX_LEN="8192")
    assert settings("--max-model-len", "9000", LAB_ENGINE_MODEL_MAX_LEN="8192", VLLM_ALLOW_LONG_MAX_MODEL_LEN="1").max_model_len == 9000


def test_auto_takes_the_models_own_length() -> None:
    assert settings("--max-model-len", "auto", LAB_ENGINE_MODEL_MAX_LEN="8192").max_model_len == 8192


@pytest.mark.parametrize("share", ["0", "1.5", "-1"])
def test_a_memory_share_outside_0_to_1_is_refused(share: str) -> None:
    with pytest.raises(ConfigError, match="gpu_memory_utilization"):
        settings("--gpu-memory-utilization", share)


def test_the_fingerprint_follows_what_is_computed_and_nothing_else() -> None:
    plain = settings().fingerprint
    assert settings("--port", "9000", "--shutdown-timeout", "5", "--disable-log-stats").fingerprint == plain
    assert settings("--max-num-seqs", "7").fingerprint != plain
    assert "-tp2-" in (settings("-tp", "2").fingerprint or "")
    assert settings("--fingerprint-mode", "none").fingerprint is None
    assert settings("--fingerprint-mode", "custom", "--fingerprint-value", "x").fingerprint == "x"


def test_an_adapter_is_written_in_two_ways() -> None:
    found = settings("--lora-modules", "a=/a", '{"name": "b", "path": "/b"}').adapters
    assert [(adapter.name, adapter.path) for adapter in found] == [("a", "/a"), ("b", "/b")]


@pytest.mark.parametrize(("words", "pooling"), [((), False), (("--runner", "pooling"), True), (("--convert", "embed"), True)])
def test_the_runner_decides_the_kind_of_server(words: tuple[str, ...], pooling: bool) -> None:
    assert settings(*words).pooling is pooling


@pytest.mark.parametrize(("value", "match"), [("tcp://10.0.0.1:80", "appears to be a URI"), ("abc", "must be a valid integer")])
def test_a_service_link_in_vllm_port_is_told(value: str, match: str) -> None:
    assert match in (port_error({"VLLM_PORT": value}) or "")


@pytest.mark.parametrize("environ", [{}, {"VLLM_PORT": "9100"}])
def test_a_number_in_vllm_port_is_fine(environ: dict[str, str]) -> None:
    assert port_error(environ) is None


def test_names_that_vllm_does_not_read_are_unknown() -> None:
    environ = {"VLLM_MODEL": "x", "VLLM_API_KEY": "x", "VLLM_LOGGING_LEVEL": "x", "VLLM_SERVICE_HOST": "x", "HF_TOKEN": "x"}
    assert unknown_names(environ) == ["VLLM_MODEL", "VLLM_SERVICE_HOST"]


def test_a_model_that_is_a_folder_is_found(tmp_path: pathlib.Path) -> None:
    made = settings_from(parse([str(tmp_path)]), {})
    assert source_error(made, Faults(), {}) is None


def test_a_path_that_is_no_folder_is_an_error() -> None:
    made = settings_from(parse(["/nowhere/at/all"]), {})
    assert "Repo id must be in the form" in (source_error(made, Faults(), {}) or "")
    assert source_error(made, faults_from({"LAB_ENGINE_MODEL": "present"}), {}) is None


def test_offline_wants_the_model_in_the_cache(tmp_path: pathlib.Path) -> None:
    environ = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    assert "Cannot find an appropriate cached snapshot folder" in (source_error(settings(), Faults(), environ) or "")
    (tmp_path / "hub" / "models--org--m").mkdir(parents=True)
    assert source_error(settings(), Faults(), environ) is None
