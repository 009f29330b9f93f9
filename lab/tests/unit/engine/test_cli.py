# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments of vllm serve."""

from __future__ import annotations

import pathlib

import hypothesis
import hypothesis.strategies as st
import pytest

from lab.engine._cli import human_readable_int, human_readable_int_or_auto, parse, parser, version_or_command


@pytest.mark.parametrize(("text", "number"), [("8192", 8192), ("1k", 1000), ("1K", 1024), ("25.6k", 25600), ("2M", 2 * 1024**2), ("3g", 3 * 10**9), (" 4 ", 4)])
def test_a_number_may_have_a_suffix(text: str, number: int) -> None:
    assert human_readable_int(text) == number


@pytest.mark.parametrize("text", ["auto", "AUTO", "-1"])
def test_auto_is_minus_one(text: str) -> None:
    assert human_readable_int_or_auto(text) == -1


@pytest.mark.parametrize("text", ["1.5K", "k", "", "12x"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        human_readable_int(text)


def test_every_flag_of_the_table_is_unique() -> None:
    options = [option for action in parser()._actions for option in action.option_strings]
    assert len(options) == len(set(options)) > 350


def test_the_flags_that_a_chart_maps_exist() -> None:
    known = set(parser()._option_string_actions)
    assert known >= {
        *("--served-model-name", "--host", "--port", "--revision", "--tokenizer", "--download-dir", "--load-format", "--dtype", "--quantization"),
        *("--kv-cache-dtype", "--max-model-len", "--gpu-memory-utilization", "--tensor-parallel-size", "--pipeline-parallel-size", "--max-num-seqs"),
        *("--max-num-batched-tokens", "--max-num-queued-reqs", "--enable-prefix-caching", "--no-enable-prefix-caching", "--enable-chunked-prefill"),
        *("--enforce-eager", "--trust-remote-code", "--chat-template", "--enable-auto-tool-choice", "--tool-call-parser", "--reasoning-parser"),
        *("--enable-lora", "--lora-modules", "--max-loras", "--max-lora-rank", "--shutdown-timeout", "--disable-access-log-for-endpoints"),
        *("--enable-request-id-headers", "--root-path", "--disable-fastapi-docs", "--ssl-keyfile", "--ssl-certfile", "--seed", "-tp", "-pp"),
    }


@pytest.mark.parametrize(
    "flag",
    [
        *("--swap-space", "--disable-log-requests", "--task", "--guided-decoding-backend", "--num-scheduler-steps", "--use-v2-block-manager"),
        *("--enable-reasoning", "--max-seq-len-to-capture"),
    ],
)
def test_removed_flags_are_gone(flag: str) -> None:
    assert flag not in parser()._option_string_actions


def test_dashes_underscores_and_equals_are_the_same() -> None:
    for words in (["--max-num-seqs", "3"], ["--max_num_seqs", "3"], ["--max_num_seqs=3"], ["--max-num-seqs=3"]):
        assert parse(["m", *words]).max_num_seqs == 3


def test_an_underscore_in_a_value_stays() -> None:
    assert parse(["m", "--served-model-name=my_model"]).served_model_name == ["my_model"]


def test_booleans_have_a_negative() -> None:
    assert parse(["m", "--enable-prefix-caching"]).enable_prefix_caching is True
    assert parse(["m", "--no-enable-prefix-caching"]).enable_prefix_caching is False
    assert parse(["m"]).enable_prefix_caching is None


def test_dots_reach_into_json() -> None:
    parsed = parse(["m", "--compilation-config.mode", "3", "--compilation-config.pass_config.fuse=true"])
    assert parsed.compilation_config == {"mode": 3, "pass_config": {"fuse": True}}


def test_the_model_option_moves_to_the_front() -> None:
    assert parse(["--served-model-name", "a", "--model", "org/m", "--port", "8001"]).model == "org/m"


def test_flags_before_the_model_with_a_served_name_are_refused() -> None:
    with pytest.raises(ValueError, match="first positional argument"):
        parse(["--served-model-name", "a", "m"])


def test_an_unknown_flag_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["m", "--nonsense"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("vllm: error: unrecognized arguments: --nonsense\n")


def test_a_config_file_is_read_before_the_rest_of_the_line(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("port: 9000\nmax-num-seqs: 4\nenable-prefix-caching: false\nserved-model-name: [a, b]\nlimit-mm-per-prompt:\n  image: 2\n")
    parsed = parse(["m", "--config", str(file), "--port", "9001"])
    assert (parsed.port, parsed.max_num_seqs, parsed.enable_prefix_caching) == (9001, 4, False)
    assert (parsed.served_model_name, parsed.limit_mm_per_prompt) == (["a", "b"], {"image": 2})


def test_a_config_file_may_name_the_model(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text("model: org/m\n")
    assert parse(["--config", str(file)]).model == "org/m"


@pytest.mark.parametrize(("name", "match"), [("c.json", "must be of a yaml/yml type. json supplied"), ("c.yaml", "No model specified!")])
def test_a_config_file_that_will_not_do_is_refused(tmp_path: pathlib.Path, name: str, match: str) -> None:
    (tmp_path / name).write_text("port: 1\n")
    with pytest.raises(ValueError, match=match):
        parse(["--config", str(tmp_path / name)])


@pytest.mark.parametrize("words", [["bench"], []])
def test_other_commands_are_not_simulated(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        version_or_command(words)
    assert caught.value.code == 2


def test_serve_is_taken_off() -> None:
    assert version_or_command(["serve", "m"]) == ["m"]


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(st.text(st.characters(codec="utf-8", exclude_characters="-"), min_size=1))
def test_any_served_name_comes_through(name: str) -> None:
    assert parse(["m", "--served-model-name", name]).served_model_name == [name]
