"""How long a deploy takes that has nothing to do, beside an empty play in the same run.

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
TARGET_SECONDS = 3.0
EMPTY = "- hosts: vllm_models\n  gather_facts: false\n  tasks: []\n"


def timed(*words: str) -> tuple[float, float, str]:
    """Wall and processor seconds of one ansible-playbook, and what it printed. Raises when it failed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(["ansible-playbook", *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--model", default="llama-3-8b")
    options = parser.parse_args()
    where = ("-i", "inventories/development", "--limit", options.model)
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder) / "empty.yml"
        empty.write_text(EMPTY)
        timed("deploy.yml", *where)
        deploys, empties = [], []
        for _run in range(options.runs):
            wall, cpu, text = timed("deploy.yml", *where)
            if not re.search(r"changed=0\s", text):
                raise SystemExit(f"this was no no-op:\n{text}")
            deploys.append((wall, cpu))
            empties.append(timed(str(empty), *where)[:2])
    for name, runs in (("deploy with nothing to do", deploys), ("empty play", empties)):
        walls, cpus = [run[0] for run in runs], [run[1] for run in runs]
        spread = f"{min(walls):5.2f} / {statistics.median(walls):5.2f} / {max(walls):5.2f} s"
        print(f"{name:26} wall {spread}   cpu {statistics.median(cpus):5.2f} s   (min/median/max of {len(runs)})")
    ratio = statistics.median(run[0] for run in deploys) / statistics.median(run[0] for run in empties)
    best = min(run[0] for run in deploys)
    print(f"ratio {ratio:.1f}; target <= {TARGET_SECONDS:g} s on a quiet machine: best {best:.2f} s, load average now {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
