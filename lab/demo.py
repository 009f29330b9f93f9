# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: the main job by its literal command, what came out as a table, and what to do next."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import time
import typing as t

from lab._layout import ROOT, Layout

COMMAND = ("ansible-playbook", "deploy.yml", "-i", "inventories/development")
COLUMNS = ("model", "environment", "revision", "status", "GPUs", "P95 (s)", "endpoint")

Report = dict[str, t.Any]


def main() -> int:
    reports = Layout("default").state / "reports"
    print(f"\n$ {shlex.join(COMMAND)}", flush=True)
    start = time.monotonic()
    done = subprocess.run(COMMAND, cwd=ROOT, env={**os.environ, "VLLM_REPORT_DIR": str(prepared(reports))}, check=False)
    if done.returncode:
        print(
            f"\nThe deploy ended with exit code {done.returncode}; the lines above name the model and the cause. The lab still runs: make lab-down stops it.",
            file=sys.stderr,
        )
        return done.returncode
    found = [json.loads(path.read_text()) for path in sorted(reports.glob("*.json"))]
    print(f"\n{len(found)} models in {time.monotonic() - start:.1f} s:\n")
    print(table([COLUMNS, *(row(report) for report in found)]))
    print(f"\nSeconds by step:\n{table([steps(report) for report in found])}")
    print(next_steps(found[0], found[-1], free_port()))
    return 0


def prepared(reports: pathlib.Path) -> pathlib.Path:
    """An empty folder: a report of an earlier run must not pass for one of this."""
    reports.mkdir(parents=True, exist_ok=True)
    for old in reports.glob("*.json"):
        old.unlink()
    return reports


def row(report: Report) -> tuple[str, ...]:
    p95 = (report["latency"].get("e2e") or {}).get("p95")
    measured = f"{p95:.3f}" if p95 is not None else "not measured"
    return report["model"], report["environment"], report["revision"], report["status"], str(report["gpus"]), measured, report["endpoint"]


def steps(report: Report) -> tuple[str, str]:
    return report["model"], ", ".join(f"{name} {float(seconds):.1f}" for name, seconds in report["seconds"].items())


def table(rows: t.Sequence[t.Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in rows)


def next_steps(first: Report, last: Report, port: int) -> str:
    """Commands that work when they are pasted, from the top of the checkout."""
    ask = {"model": first["model"], "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
    broken = {"vllm_engine": {"extraArgs": ["--no-such-flag"]}}
    return f"""
What next? All commands below can be pasted into a shell in this folder. First point the shell at the lab:

  eval "$(make -s env)"

Send a request to the model (the port-forward ends with the last command):
  kubectl port-forward -n {first["namespace"]} service/{first["release"]} {port}:8000 >/dev/null & sleep 1
  curl -s http://127.0.0.1:{port}/v1/chat/completions -H "Authorization: Bearer $VLLM_API_KEY" \\
    -H 'Content-Type: application/json' -d '{json.dumps(ask)}'; kill %%

Print the registry:
  ansible-playbook playbooks/status.yml

Run it again (nothing changes):
  {shlex.join(COMMAND)}

Preview a change:
  {shlex.join(COMMAND)} --limit {last["model"]} --check --diff -e '{{"vllm_engine": {{"maxModelLen": 4096}}}}'

Break it (the run explains the failure, and the version that serves keeps serving):
  {shlex.join(COMMAND)} --limit {last["model"]} -e '{json.dumps(broken)}'

Stop the lab and remove its state:
  make lab-down
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
