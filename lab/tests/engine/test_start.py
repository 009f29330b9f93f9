# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting: the closed port, the command line, the environment, and every way to fail."""

from __future__ import annotations

import pathlib
import socket
import time
import typing as t

import pytest

from ._api import Running, command, launch

pytestmark = pytest.mark.startup
Start = t.Callable[..., Running]
CORE_FAILED = "RuntimeError: Engine core initialization failed. See root cause above."
# arguments, the last line on standard error
USAGE_ERRORS = [
    (["--frobnicate", "3"], "vllm: error: unrecognized arguments: --frobnicate 3"),
    (["--swap-space", "4"], "vllm: error: unrecognized arguments: --swap-space 4"),
    (["--disable-log-requests"], "vllm: error: unrecognized arguments: --disable-log-requests"),
    (["--guided-decoding-backend", "x"], "vllm: error: unrecognized arguments: --guided-decoding-backend x"),
    (["--num-scheduler-steps", "8"], "vllm: error: unrecognized arguments: --num-scheduler-steps 8"),
    (["--use-v2-block-manager"], "vllm: error: unrecognized arguments: --use-v2-block-manager"),
    (["--enable-reasoning"], "vllm: error: unrecognized arguments: --enable-reasoning"),
    (["--max-seq-len-to-capture", "1"], "vllm: error: unrecognized arguments: --max-seq-len-to-capture 1"),
    (["--enable-chunked-prefill", "False"], "vllm: error: unrecognized arguments: False"),
    (["--device", "cuda"], "vllm serve: error: ambiguous option: --device could match --device-ids, --device-memory-utilization"),
    (["--max-num-seqs", "many"], "vllm serve: error: argument --max-num-seqs: "),
    (["--dtype", "floaty"], "vllm serve: error: argument --dtype: invalid choice: 'floaty'"),
    (["--max-model-len", "abc"], "vllm serve: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'abc'"),
]
CONFIG_ERRORS = [
    (["--enable-auto-tool-choice"], "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser"),
    (["--enable-auto-tool-choice", "--tool-call-parser", "nope"], "KeyError: 'invalid tool call parser: nope (chose from {"),
    (["--max-num-seqs", "0"], "Input should be greater than or equal to 1"),
    (["--max-model-len", "100000"], "User-specified max_model_len (100000) is greater than the derived max_model_len (max_position_embeddings=32768"),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE_ERRORS, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "")
def test_a_flag_that_does_not_exist_ends_with_2(start: Start, arguments: list[str], words: str) -> None:
    running = start(*arguments)
    assert running.wait(60) == 2
    assert words in running.output
    assert "usage: vllm" in running.output


@pytest.mark.parametrize(("arguments", "words"), CONFIG_ERRORS, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "")
def test_a_value_that_cannot_be_ends_with_1(start: Start, arguments: list[str], words: str) -> None:
    running = start(*arguments)
    assert running.wait(120) == 1
    assert words in running.output


def test_the_removed_task_flag_gets_a_hint(start: Start) -> None:
    running = start("--task", "embed")
    assert running.wait(60) == 2
    assert "Hint: --task is not a vllm serve option. For embedding, reranking, or reward models, use --runner pooling." in running.output


def test_flags_before_the_model_and_a_served_name_end_with_1(start: Start) -> None:
    words = command()
    running = start(whole=[*words[: words.index("serve") + 1], "--served-model-name", "x"])
    assert running.wait(60) == 1
    assert "ValueError: `model` should be provided as the first positional argument" in running.output


def test_a_folder_that_is_not_there_ends_with_1(start: Start) -> None:
    words = command()
    running = start(whole=[*words[: words.index("serve") + 1], "/nonexistent/model"])
    assert running.wait(120) == 1
    assert "OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/nonexistent/model'." in running.output


def test_offline_with_nothing_cached_ends_with_1(start: Start, tmp_path: pathlib.Path) -> None:
    words = command()
    environ = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    running = start(whole=[*words[: words.index("serve") + 1], "meta-llama/Llama-3.1-8B-Instruct"], environ=environ)
    assert running.wait(120) == 1
    assert "Cannot find an appropriate cached snapshot folder" in running.output


def test_a_service_link_in_vllm_port_ends_with_1_and_says_so(start: Start) -> None:
    running = start(environ={"VLLM_PORT": "tcp://10.96.12.7:8000"})
    assert running.wait(180) == 1
    assert "VLLM_PORT 'tcp://10.96.12.7:8000' appears to be a URI. This may be caused by a Kubernetes service discovery issue" in running.output
    assert CORE_FAILED in running.output


def test_vllm_port_is_not_the_http_port(start: Start) -> None:
    running = start("--served-model-name", "tiny", environ={"VLLM_PORT": "9100"})
    assert running.ready().get("/version").status == 200


def test_an_unknown_vllm_variable_draws_a_warning_only(start: Start) -> None:
    running = start(environ={"VLLM_TENSOR_PARALLEL_SIZE": "2", "VLLM_SERVICE_HOST": "10.0.0.1"})
    running.ready()
    assert "Unknown vLLM environment variable detected: VLLM_TENSOR_PARALLEL_SIZE" in running.output


def test_an_unknown_vllm_variable_can_be_made_an_error(start: Start) -> None:
    running = start("--fail-on-environ-validation", environ={"VLLM_MODEL": "x"})
    assert running.wait(120) == 1
    assert "ValueError: Unknown vLLM environment variable detected: VLLM_MODEL" in running.output


def test_a_port_that_is_taken_ends_with_1(start: Start, tmp_path: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = start("--port", str(taken.getsockname()[1]))
        assert running.wait(120) == 1
    assert "Address already in use" in running.output


def test_the_port_refuses_until_the_server_is_ready(start: Start) -> None:
    running = start(environ={"LAB_ENGINE_LOAD_SECONDS": "0.7"})
    seen = set()
    while running.refuses():
        seen.add("refused")
        assert running.process.poll() is None, running.output
        time.sleep(0.01)
    assert seen == {"refused"}
    assert running.ready().get("/health").status == 200


def test_a_kv_cache_that_is_too_small_ends_with_1(start: Start) -> None:
    running = start("--max-model-len", "32768", "--kv-cache-memory-bytes", "1048576", environ={"LAB_ENGINE_KV_TOKENS": "8192"})
    assert running.wait(180) == 1
    assert "ValueError: To serve at least one request with the model's max seq len (32768), (" in running.output
    assert "EngineCore failed to start." in running.output
    assert running.output.rstrip().count(CORE_FAILED) == 1


def test_underscores_and_dashes_are_the_same(start: Start) -> None:
    assert start("--served_model_name", "a").ready().get("/v1/models").json["data"][0]["id"] == "a"


def test_a_length_may_be_written_with_a_suffix(start: Start) -> None:
    assert start("--max-model-len", "1k").ready().get("/v1/models").json["data"][0]["max_model_len"] == 1000


def test_a_config_file_takes_flags_without_dashes(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("served-model-name:\n  - from-file\n  - other\nmax-model-len: 1024\nenforce-eager: true\nenable-prefix-caching: false\n")
    api = start("--config", str(file)).ready()
    assert [card["id"] for card in api.get("/v1/models").json["data"]] == ["from-file", "other"]


def test_the_command_line_wins_over_the_config_file(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("served-model-name: [from-file]\n")
    assert start("--config", str(file), "--served-model-name", "from-line").ready().get("/v1/models").json["data"][0]["id"] == "from-line"


def test_the_model_may_be_an_option_with_a_warning(start: Start) -> None:
    words = command()
    at = words.index("serve") + 1
    running = start(whole=[*words[:at], "--model", words[at], *words[at + 1 :]])
    running.ready()
    assert "you should provide the model as a positional argument" in running.output


def test_the_log_tells_version_arguments_and_routes(start: Start) -> None:
    running = start("--served-model-name", "tiny", "--api-key", "secret-key")
    running.ready()
    assert "version 0.32.0" in running.output
    assert "non-default args: {" in running.output
    assert "'api_key': '***'" in running.output
    assert "secret-key" not in running.output
    assert "Route: /v1/chat/completions, Methods: POST" in running.output
    assert "Application startup complete." in running.output


def test_the_version_option_answers(tmp_path: pathlib.Path) -> None:
    words = command()
    running = launch(tmp_path, whole=[*words[: words.index("serve")], "--version"])
    assert running.wait(120) == 0
    assert running.output.split()[-1].startswith("0.32.0")
