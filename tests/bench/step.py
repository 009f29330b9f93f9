"""What the verification adds to a deploy: the task's own seconds in a deploy that has nothing else to do, on a lab.

    make bench NAME=step

runs it where the models of development are deployed: with the five samples of development, and with sixty, four at a time, as in staging.
The added seconds are those between the start of the task and that of the next, so that Ansible's own share is in them.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASK = "verify | Generate, on the new pods only"
MOST_SECONDS = 1.0
SIXTY = ("-e", '{"vllm_verify_samples": 60, "vllm_gates": {"completion_seconds": 3, "p95_e2e_seconds": 3, "error_rate": {"max": 0.001, "min_samples": 60}}}')
TIMED = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks", "PROFILE_TASKS_TASK_OUTPUT_LIMIT": "all", "ANSIBLE_NOCOLOR": "1"}


def step(model: str, *words: str) -> tuple[float, str]:
    """Seconds of the verification in one deploy, and all that the deploy printed."""
    command = ["ansible-playbook", "deploy.yml", "-i", "inventories/development", "--limit", model, *words]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **TIMED}, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode or not re.search(r"changed=0\s", done.stdout):
        raise SystemExit(f"this was no deploy that had nothing to do:\n{done.stdout}{done.stderr}")
    found = re.search(rf"{re.escape(TASK)} -+ ([0-9.]+)s", done.stdout)
    if found is None:
        raise SystemExit(f"the deploy did not time {TASK!r}:\n{done.stdout}")
    return float(found[1]), done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-3-8b")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    step(options.model)
    few = [step(options.model)[0] for _run in range(options.runs)]
    many = [step(options.model, *SIXTY) for _run in range(options.runs)]
    progress = [line for line in many[-1][1].splitlines() if ": measuring " in line or "requests measured" in line]
    for name, seconds in (("5 samples", few), ("60 samples", [taken for taken, _text in many])):
        print(f"the verification adds {min(seconds):.2f} / {statistics.median(seconds):.2f} / {max(seconds):.2f} s with {name}")
    print(f"min/median/max of {options.runs} deploys each; {MOST_SECONDS:g} s may be with 5 samples; load {os.getloadavg()[0]:.1f}")
    print("\n".join(["progress with 60 samples:", *progress] if progress else ["no progress was shown with 60 samples"]))
    return 0 if statistics.median(few) <= MOST_SECONDS and progress else 1


if __name__ == "__main__":
    sys.exit(main())
