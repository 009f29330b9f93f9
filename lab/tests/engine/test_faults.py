# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulation does on request: faults, pace, truth, control at run time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import http.client
import json
import pathlib
import re
import statistics
import time
import typing as t

import pytest

from ._api import Api, Running, free_port, until

pytestmark = [pytest.mark.startup, pytest.mark.simulated]
Start = t.Callable[..., Running]
START_FAULTS = {
    "gpu_memory": ("EngineCore", "ValueError: Free memory on device cuda:0 (3.51/47.38 GiB) on startup is less than desired GPU memory utilization"),
    "kv_cache": ("EngineCore", "ValueError: To serve at least one request with the model's max seq len (2048), ("),
    "shm": ("EngineCore", "RuntimeError: Insufficient space in /dev/shm for shared-memory allocation: 160 MiB required, 64 MiB free"),
    "gated": ("", "OSError: You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/lab/tiny.\n401 Client Error."),
    "unauthorized": ("", "OSError: lab/tiny is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'"),
    "hub": ("", "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files."),
}


def _answers(api: Api, status: int) -> bool:
    return api.chat().status == status


def _engine(start: Start, *, fresh: bool = False, **environ: object) -> Running:
    return start("--served-model-name", "tiny", environ={f"LAB_ENGINE_{name.upper()}": str(value) for name, value in environ.items()}, fresh=fresh)


@pytest.mark.parametrize(("fault", "process", "words"), [(fault, *seen) for fault, seen in START_FAULTS.items()])
def test_a_fault_at_start_ends_with_1_in_the_words_of_the_real_one(start: Start, fault: str, process: str, words: str) -> None:
    running = _engine(start, start_fault=fault)
    assert running.wait(20) == 1
    assert words in running.output
    failed_in_core = "RuntimeError: Engine core initialization failed. See root cause above." in running.output
    assert failed_in_core == (process == "EngineCore")


def test_a_crash_while_loading_is_a_kill(start: Start) -> None:
    assert _engine(start, start_fault="crash").wait(20) == -9


def test_never_ready_refuses_for_ever_and_still_obeys_sigterm(start: Start) -> None:
    running = _engine(start, start_fault="never_ready")
    running.until("Starting to load model")
    time.sleep(0.3)
    assert running.process.poll() is None
    assert running.refuses()
    running.process.terminate()
    assert running.wait(5) != 0


def test_a_slow_load_takes_its_time(start: Start) -> None:
    began = time.monotonic()
    _engine(start, load_seconds=1).ready()
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(("name", "value"), [("no_such", "1"), ("ttft_ms", "fast"), ("stream_fault", "odd"), ("error_rate", "x")])
def test_a_wrong_setting_ends_with_2_and_a_sentence(start: Start, name: str, value: str) -> None:
    given: dict[str, t.Any] = {name: value}
    running = _engine(start, **given)
    assert running.wait(20) == 2
    assert "Traceback" not in running.output
    assert running.output.startswith("lab.engine: ")


def test_generations_before_the_break_are_answered(start: Start) -> None:
    running = _engine(start, broken_after=2)
    api = running.ready()
    assert [api.chat().status for _ in range(3)] == [200, 200, 500]
    assert running.wait(5) == 0


def test_errors_come_at_the_rate_asked_for_and_the_engine_lives(start: Start) -> None:
    api = _engine(start, error_rate=0.5).ready()
    statuses = [api.chat(max_tokens=1).status for _ in range(60)]
    assert set(statuses) == {200, 500}
    assert 15 <= statuses.count(500) <= 45
    assert api.get("/health").status == 200
    assert api.metrics().value("http_requests_total", handler="/v1/chat/completions", status="5xx") == statuses.count(500)


def test_a_stream_can_be_cut(start: Start) -> None:
    api = _engine(start, stream_fault="cut", stream_after=2).ready()
    with pytest.raises(http.client.IncompleteRead) as caught:
        api.chat(stream=True, max_tokens=50, ignore_eos=True)
    text = caught.value.partial.decode()
    assert text.count("data: ") == 3
    assert "[DONE]" not in text
    assert api.chat().status == 200


def test_a_stream_can_drip(start: Start) -> None:
    api = _engine(start, stream_fault="drip", drip_seconds=0.2).ready()
    with contextlib.closing(api.connect(5)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(api.chat_body(stream=True)), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        began = time.monotonic()
        assert reply.read(5) == b"data:"
        assert time.monotonic() - began >= 0.7


def test_a_stream_can_be_endless(start: Start) -> None:
    api = _engine(start, stream_fault="endless", itl_ms=1).ready()
    with contextlib.closing(api.connect(5)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(api.chat_body(stream=True)), {"Content-Type": "application/json"})
        text = connection.getresponse().read(20_000).decode()
    assert '"finish_reason":"length"' not in text
    until(lambda: api.metrics().value("vllm:num_requests_running") == 0)


def test_a_wrong_name_is_served_instead_of_the_right_one(start: Start) -> None:
    api = _engine(start, wrong_name="impostor").ready()
    assert [card["id"] for card in api.get("/v1/models").json["data"]] == ["impostor"]
    assert api.chat().status == 404
    assert api.chat(model="impostor").json["model"] == "impostor"


def resident(api: Api) -> float:
    """MiB."""
    return (api.metrics().value("process_resident_memory_bytes") or 0) / 2**20


def test_memory_grows_up_to_the_cap(start: Start) -> None:
    api = _engine(start, memory_mb_per_second=400, memory_max_mb=100).ready()
    seen = [0.0]
    while len(seen) < 6 or seen[-1] < 80 or seen[-1] != seen[-5]:
        seen.append(resident(api))
        assert len(seen) < 200, seen
        time.sleep(0.1)
    assert 80 <= seen[-1] <= 200


def silent(api: Api) -> bool:
    try:
        api.get("/health", timeout=0.5)
    except TimeoutError:
        return True
    return False


def test_a_stalled_server_accepts_and_says_nothing(start: Start, tmp_path: pathlib.Path) -> None:
    control = tmp_path / "control.json"
    api = _engine(start, control=control).ready()
    control.write_text('{"stalled": true}')
    until(lambda: silent(api))
    assert silent(api)
    control.write_text('{"stalled": false }')
    assert api.get("/health", timeout=5).status == 200


# -- control at run time -------------------------------------------------------------------------------------------


@pytest.fixture
def controlled(start: Start) -> tuple[Api, Api]:
    port = free_port()
    api = _engine(start, control_port=port, ttft_ms=5).ready()
    control = Api("127.0.0.1", port)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            control.get("/")
            break
    return api, control


def test_faults_come_and_go_by_the_control_port(controlled: tuple[Api, Api]) -> None:
    api, control = controlled
    assert control.post("/", {"error_rate": 1}).json["error_rate"] == 1
    assert api.chat().status == 500
    control.post("/", {"error_rate": 0})
    assert api.chat().status == 200


def test_the_control_port_kills_the_engine(controlled: tuple[Api, Api]) -> None:
    api, control = controlled
    assert control.post("/", {"dead": True}).json["dead"] is True
    assert api.get("/health").status == 503


@pytest.mark.parametrize("wish", [{"nothing": 1}, {"seed": 3}, {"error_rate": "x"}, [1], {"error_rate": 1, "nothing": 1}], ids=str)
def test_the_control_port_refuses_what_it_does_not_know_and_changes_nothing(controlled: tuple[Api, Api], wish: object) -> None:
    _, control = controlled
    before = control.get("/").json
    reply = control.post("/", wish)
    assert (reply.status, list(reply.json)) == (400, ["error"])
    assert control.get("/").json == before


def test_a_latency_step_shows_in_the_time_to_first_token(controlled: tuple[Api, Api]) -> None:
    api, control = controlled

    def seconds() -> float:
        began = time.perf_counter()
        api.chat(max_tokens=1)
        return time.perf_counter() - began

    before = statistics.median(seconds() for _ in range(5))
    control.post("/", {"slow_factor": 60})
    assert statistics.median(seconds() for _ in range(3)) >= before + 0.25


def test_the_control_file_is_followed(start: Start, tmp_path: pathlib.Path) -> None:
    control = tmp_path / "control.json"
    running = _engine(start, control=control)
    api = running.ready()
    for text, expected in (('{"error_rate": 1}', 500), ('{"error_rate": 0.0}', 200), ("nonsense", 200)):
        control.write_text(text)
        until(functools.partial(_answers, api, expected))
    running.until("LAB_ENGINE_CONTROL: ")
    assert api.chat().status == 200, "nonsense changes nothing"


# -- pace and truth ------------------------------------------------------------------------------------------------


def _truth(file: pathlib.Path) -> list[dict[str, t.Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_truth_has_a_line_for_each_sequence(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "truth.jsonl"
    api = _engine(start, truth=file).ready()
    api.chat(ignore_eos=True)
    api.chat(stream=True, ignore_eos=True)
    api.complete(prompt=["a", "b"], ignore_eos=True)
    found = _truth(file)
    assert [(line["stream"], line["outcome"], line["completion_tokens"]) for line in found] == [
        *((False, "length", 3), (True, "length", 3), (False, "length", 3), (False, "length", 3)),
    ]
    assert all(line["arrived"] <= line["scheduled"] <= line["first_token"] <= line["finished"] for line in found)


def test_the_truth_tells_of_clients_that_left(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "truth.jsonl"
    api = _engine(start, truth=file, itl_ms=20).ready()
    with pytest.raises(TimeoutError):
        api.post("/v1/chat/completions", api.chat_body(max_tokens=1000, ignore_eos=True), timeout=0.5)
    end = time.monotonic() + 5
    while not file.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert _truth(file)[0]["outcome"] == "disconnected"
    assert 1 <= _truth(file)[0]["completion_tokens"] < 100


def test_the_pace_is_the_one_asked_for(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "truth.jsonl"
    api = _engine(start, truth=file, ttft_ms=80, prefill_us=0, itl_ms=30).ready()
    for _ in range(5):
        api.chat(max_tokens=5, ignore_eos=True)
    quickest = min(_truth(file), key=lambda line: line["e2e_seconds"])
    assert 0.08 <= quickest["ttft_seconds"] < 0.2
    assert 0.2 <= quickest["e2e_seconds"] < 0.5
    assert 0.03 <= quickest["tpot_seconds"] < 0.1


def test_metrics_and_truth_agree(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "truth.jsonl"
    api = _engine(start, truth=file).ready()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: api.chat(max_tokens=6), range(12)))
    lines, seen = _truth(file), api.metrics()
    assert seen.value("vllm:e2e_request_latency_seconds_count") == len(lines) == 12
    assert seen.value("vllm:e2e_request_latency_seconds_sum") == pytest.approx(sum(line["e2e_seconds"] for line in lines), abs=1e-3)
    assert seen.value("vllm:time_to_first_token_seconds_sum") == pytest.approx(sum(line["ttft_seconds"] for line in lines), abs=1e-3)
    assert seen.value("vllm:generation_tokens_total") == sum(line["completion_tokens"] for line in lines)


def test_what_left_the_socket_is_told_beside_what_the_engine_saw(start: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "truth.jsonl"
    api = _engine(start, truth=file, ttft_ms=50, itl_ms=20).ready()
    chat, text, whole = api.chat(max_tokens=4, ignore_eos=True, stream=True), api.complete(max_tokens=4, ignore_eos=True, stream=True), api.chat(max_tokens=4)
    assert (chat.status, text.status, whole.status) == (200, 200, 200)
    of_chat, of_text, of_whole = _truth(file)
    for line, chunks in ((of_chat, 5), (of_text, 4)):  # a chat begins with a chunk for the role
        seen = line["at_socket"]
        assert len(seen["itl_seconds"]) == chunks - 1
        assert line["ttft_seconds"] < seen["ttft_seconds"] < seen["e2e_seconds"]
        assert seen["e2e_seconds"] == pytest.approx(seen["ttft_seconds"] + sum(seen["itl_seconds"]), abs=1e-5)
        assert seen["tpot_seconds"] == pytest.approx(line["tpot_seconds"], abs=0.005)
    assert of_whole["at_socket"] is None


def test_a_seed_draws_the_same_lengths_again(start: Start) -> None:
    def lengths() -> list[int]:
        api = _engine(start, seed=5, output_tokens="20~0.5", itl_ms=0).ready()
        return [api.chat(max_tokens=500).json["usage"]["completion_tokens"] for _ in range(6)]

    first, second = lengths(), lengths()
    assert first == second
    assert len(set(first)) > 1


def test_a_natural_end_is_a_stop(start: Start) -> None:
    choice = _engine(start, output_tokens=5).ready().chat(max_tokens=100).json
    assert (choice["choices"][0]["finish_reason"], choice["usage"]["completion_tokens"]) == ("stop", 5)


# -- what it costs -------------------------------------------------------------------------------------------------


def test_a_server_under_load_stays_below_60_mib(start: Start) -> None:
    running = _engine(start, itl_ms=1, fresh=True)
    api = running.ready()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: api.chat(stream=number % 2 == 0, max_tokens=50, ignore_eos=True), range(80)))
    api.metrics()
    peak = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{running.process.pid}/status").read_text())
    assert peak is not None
    assert int(peak[1]) / 1024 <= 60


def test_starting_costs_little_processor_time(start: Start) -> None:
    running = _engine(start, fresh=True)
    running.ready()
    fields = pathlib.Path(f"/proc/{running.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert (int(fields[11]) + int(fields[12])) / 100 <= 1.2
