"""How long a deploy takes that has nothing to do, and one that has no room, beside an empty play in the same run.

Run it on a lab where the models of development are deployed: eval "$(make -s env)"; python -m tests.bench.deploy
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_ROOM = ("-e", '{"vllm_values": {"gpu": {"count": 1000}, "shm": {"sizeLimit": "1Gi"}}}')
TARGETS = {"deploy with nothing to do": 3.0, "deploy without room": 5.0}
EMPTY = "- hosts: vllm_models\n  gather_facts: false\n  tasks: []\n"


def timed(*words: str, code: int = 0) -> tuple[float, float, str]:
    """Wall and processor seconds of one ansible-playbook, and what it printed. Ends the benchmark on another exit code."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(["ansible-playbook", *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != code:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--model", default="llama-3-8b")
    options = parser.parse_args()
    where = ("-i", "inventories/development", "--limit", options.model)
    timed("deploy.yml", *where)
    runs: dict[str, list[tuple[float, float]]] = {"empty play": [], **{name: [] for name in TARGETS}}
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder) / "empty.yml"
        empty.write_text(EMPTY)
        for _run in range(options.runs):
            runs["empty play"].append(timed(str(empty), *where)[:2])
            wall, cpu, text = timed("deploy.yml", *where)
            if not re.search(r"changed=0\s", text):
                raise SystemExit(f"this was no no-op:\n{text}")
            runs["deploy with nothing to do"].append((wall, cpu))
            wall, cpu, text = timed("deploy.yml", *where, *NO_ROOM, code=2)
            if "needs 1000 GPUs" not in text:
                raise SystemExit(f"this was refused for something else:\n{text}")
            runs["deploy without room"].append((wall, cpu))
    show(runs)
    return 0


def show(runs: dict[str, list[tuple[float, float]]]) -> None:
    floor = statistics.median(wall for wall, _cpu in runs["empty play"])
    for name, measured in runs.items():
        walls = [wall for wall, _cpu in measured]
        spread = f"{min(walls):5.2f} / {statistics.median(walls):5.2f} / {max(walls):5.2f} s"
        cpu, ratio = statistics.median(cpu for _wall, cpu in measured), statistics.median(walls) / floor
        target = f"   target <= {TARGETS[name]:g} s on a quiet machine" if name in TARGETS else ""
        print(f"{name:26} wall {spread}   cpu {cpu:5.2f} s   {ratio:4.1f} x the empty play{target}")
    print(f"min/median/max of {len(runs['empty play'])} runs each; load average now {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
