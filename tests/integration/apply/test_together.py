"""Two runs on one release at the same moment: one decides after the other, on what the other left."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import typing as t

import pytest

from tests.integration.apply.conftest import BROKEN, Model

ROUNDS = int(os.environ.get("ROUNDS", "2"))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_second_of_two_runs_decides_on_what_the_first_left(model: Model, number: int) -> None:
    good = model.deployed()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        bad = pool.submit(other_process, model, {"engine": {"extraArgs": [f"--no-such-flag-{number}"]}})
        fine = pool.submit(other_process, model, {"engine": {"maxModelLen": 1024 + number}})
        codes = {"bad": bad.result(), "fine": fine.result()}
    assert codes["bad"] == "unknown_argument", codes
    assert codes["fine"] == "deployed", codes
    strategy = model.live()["spec"]["strategy"]["type"]
    assert strategy == "RollingUpdate", "there is a place for one pod more, so nothing has to stop"
    served = model.live()["metadata"]["annotations"]["inference.vllm/bundle"]
    (row,) = [row for row in model.rows() if row["deployment_status"] == "ready"]
    assert row["deployment_bundle"] == served != good["bundle"]
    # The way back from here is what serves now, whichever of the two came last.
    failed = model.apply(engine=BROKEN)
    assert failed["outcome"]["serving"]["bundle"] == served


PROGRAM = """
import json, os, sys
import tests.conftest
from tests.integration.apply.conftest import Model
from lab.testing import RunningLab
from lab.status import existing
from lab._layout import Layout
given = json.loads(sys.argv[1])
model = Model(RunningLab(existing(Layout(given["lab"]))), given["namespace"], given["name"])
done = model.apply(**given["options"])
print("\\n".join(model.said), file=sys.stderr)
print(done["code"])
"""


def other_process(model: Model, options: dict[str, t.Any]) -> str:
    """The code with which another process ends; the lock's owner is a process."""
    import json

    given = json.dumps({"lab": model.lab.name, "namespace": model.namespace, "name": model.name, "options": options})
    command = [sys.executable, "-c", PROGRAM, given]
    done = subprocess.run(command, cwd=model.lab.root, env=os.environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]
