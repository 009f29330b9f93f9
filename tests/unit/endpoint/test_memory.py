"""The prober as a process of its own: whatever a server sends, it stays small."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys

from tests.unit.endpoint.misbehaviour import MISBEHAVIOUR, STREAMS
from tests.unit.endpoint.servers import raw

ROOT = pathlib.Path(__file__).resolve().parents[3]
MOST_MEBIBYTES = 100
PROGRAM = """
import importlib, json, re, sys
importlib.import_module("tests.conftest")
part = lambda name: importlib.import_module("ansible_collections.inference.vllm.plugins.module_utils.endpoint." + name)
guard, stream = part("_guard"), part("_stream")
kinds = {}
for case, url in json.loads(sys.argv[1]).items():
    session = part("_http").HttpSession(part("_transports").Direct(guard.parse(url), guard.networks(["127.0.0.0/8"])))
    try:
        stream.stream(session, stream.Ask("chat", "m", "a", 8, 20.0), stream.Sample(0.0))
    except part("_errors").ProbeError as error:
        kinds[case] = error.kind
# Not ru_maxrss: that begins with the size of the process that started this one.
print(json.dumps([kinds, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024]))
"""


def test_a_gigabyte_a_bomb_or_a_stream_without_an_end_costs_less_than_100_mebibytes() -> None:
    endless = {case: script for cases in (MISBEHAVIOUR, STREAMS) for case, (script, kind) in cases.items() if kind == "too_large" or "without an end" in case}
    with contextlib.ExitStack() as stack:
        urls = {case: stack.enter_context(raw(script)) for case, script in endless.items()}
        command = [sys.executable, "-c", PROGRAM, json.dumps(urls)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    kinds, peak = json.loads(done.stdout)
    assert set(kinds) == set(endless)
    assert len(kinds) >= 10
    assert peak < MOST_MEBIBYTES
