"""Ansible as its users start it, and what came out: exit code, output, recap, results of single tasks."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing as t

import pytest
import yaml

Json = dict[str, t.Any]
Environment = t.Mapping[str, str]

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: Ansible's programs are those of the interpreter that runs the tests.
PROGRAMS = pathlib.Path(sys.executable).parent
RECAP = re.compile(r"^(?P<host>[\w.-]+)\s+: (?P<counts>ok=.*)$", re.MULTILINE)
#: As an inventory says it: interpreter discovery would take another Python than the one that has the libraries.
INTERPRETER = {"ansible_python_interpreter": sys.executable}


@dataclasses.dataclass(frozen=True)
class Ran:
    """A program of Ansible's that has ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return self.stdout + self.stderr

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """A play's recap: host to ok, changed, failed, ..."""
        return {found["host"]: {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found["counts"])} for found in RECAP.finditer(self.stdout)}

    @property
    def tail(self) -> str:
        """The end of the output, for a failed assertion."""
        return self.text[-3000:]

    @property
    def words(self) -> str:
        """The output with its line breaks folded, to look for sentences in."""
        return _folded(self.text)

    def failure(self, host: str) -> str:
        """What the play says of the tasks that failed on this host, folded."""
        return _folded(" ".join(re.findall(rf"^fatal: \[{re.escape(host)}\]: FAILED!.*?(?=^\S|\Z)", self.text, re.MULTILINE | re.DOTALL)))


def run(program: str, *words: str, env: Environment, cwd: pathlib.Path = ROOT, timeout: float = 240) -> Ran:
    """``ansible-playbook`` and so on to its end. One that does not end in time is killed with all that it started, and fails the test."""
    start = time.monotonic()
    process = subprocess.Popen(
        [str(PROGRAMS / program), *words], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        pytest.fail(f"{program} {' '.join(words)} did not end within {timeout} s:\n{(stdout + stderr)[-4000:]}")
    return Ran(process.returncode, stdout, stderr, time.monotonic() - start)


def tasks(*steps: Json, folder: pathlib.Path, env: Environment, check: bool = False, timeout: float = 240) -> list[Json]:
    """The results of a play's tasks on this machine, the last of which may have failed. ``folder`` gets the playbook."""
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Step", **step} for step in steps]}]))
    given = {**env, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = run("ansible-playbook", path.name, *(["--check", "--diff"] if check else []), env=given, cwd=folder, timeout=timeout)
    try:
        # Lines of progress come before the callback's one document.
        (played,) = json.loads(done.stdout[done.stdout.index("{\n") :])["plays"]
    except (ValueError, KeyError):
        pytest.fail(done.tail)
    return [task["hosts"]["localhost"] for task in played["tasks"]]


def module(name: str, options: Json | str, *words: str, env: Environment, timeout: float = 240) -> Ran:
    """``ansible localhost -m inference.vllm.NAME``: one module, in the interpreter of the tests."""
    # As JSON: of name=value Ansible takes what stands before a space, and the checkout may stand below a path with one.
    given = options if isinstance(options, str) else json.dumps(options)
    command = ["localhost", "-c", "local", "-e", json.dumps(INTERPRETER), "-m", f"inference.vllm.{name}", "-a", given, *words]
    return run("ansible", *command, env=env, timeout=timeout)


def result(ran: Ran) -> Json:
    """What the module of ``module()`` returned, with ``failed``; the environment asks for results as JSON."""
    found: Json = json.JSONDecoder().raw_decode(ran.stdout[ran.stdout.index("=> ") + 3 :].lstrip())[0]
    return {**found, "failed": ran.code == 2 and "FAILED! =>" in ran.stdout}


def environment(**more: str) -> dict[str, str]:
    """The tests' own variables, this checkout as the collection, and results as JSON."""
    return {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **more}


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text)
