# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Runs the helm program on exactly the cluster, and as exactly the user, that our own requests go to.

Credentials reach it in a kubeconfig without a name, never by its environment or its command line, which others can read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
import urllib.parse

from .._deadline import Deadline
from .._errors import DeadlineError, Error, InputError
from ..cluster._connection import Connection
from ..cluster._private_file import private_file

#: Becomes helm after asking Linux to kill it when we end: a helm whose run was killed must not finish what nobody verifies any more.
#: A program of its own, since nothing but exec is safe after a fork beside threads. Elsewhere the lock's duration is the guard.
_DIE_WITH_PARENT = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
except (OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} cannot be run: {error.strerror}")
"""
#: The interpreter that runs now, on Linux: sys.executable may be found by its name alone, and be another, or one that we may not begin anew.
_OURSELVES = "/proc/self/exe"
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
# Where a chart's own refusal stands in its templates, and how to render it all the same: neither helps whoever wrote the values.
_RENDERING = re.compile(r"execution error at \([^()]*\): |^Use --debug flag to render out invalid YAML$", re.MULTILINE)


#: Helm keeps ten by default, and each failing deploy makes two: what was verified must not be dropped by the very upgrade that fails.
HISTORY_MAX = 30
#: Values come by standard input: no file that could be left behind, whose path could have a space, or that somebody else could read.
_VALUES = ("--values", "-")


Finished = subprocess.CompletedProcess[str]


class HelmError(Error):
    """helm ended with an error; the text carries its last lines."""

    code = "helm_failed"


class Helm:
    """One helm program on one connection, all calls under one deadline."""

    def __init__(self, connection: Connection, deadline: Deadline, *, program: str | None = None) -> None:
        self.deadline = deadline
        self.program = find(program)
        self._connection = connection
        self._version: tuple[int, int, int] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._canceled = False

    def version(self) -> tuple[int, int, int]:
        """Asked once."""
        if self._version is None:
            text = self.run("version", "--template", "{{.Version}}")
            found = _VERSION.search(text)
            if not found:
                raise HelmError(f"{self.program} version says {text.strip()[:60]!r}, which is not a version; give the path of Helm 3 or 4")
            major, minor, patch = (int(part) for part in found.groups())
            self._version = (major, minor, patch)
        return self._version

    def template(self, release: str, namespace: str, chart: str, values: dict[str, t.Any], *, kube_version: str, upgrade: bool) -> str:
        """The manifest that an install or upgrade would store: hooks and tests left out, as Helm keeps them apart."""
        words = ["template", release, chart, "--namespace", namespace, *_VALUES, "--no-hooks", "--skip-tests", "--kube-version", kube_version]
        return self.run(*words, *(["--is-upgrade"] if upgrade else []), given=values)

    def upgrade(self, release: str, namespace: str, chart: str, values: dict[str, t.Any], *, description: str) -> None:
        """Installs or upgrades to exactly ``values``. Without --wait (the rollout wait says what is wrong while it waits) and without --atomic,
        which on failure takes twice its timeout and can leave two failed revisions behind."""
        words = ["upgrade", release, chart, "--install", "--namespace", namespace, *_VALUES, "--reset-values", "--description", description]
        words += ["--history-max", str(HISTORY_MAX)]
        self.run(*words, *self._forced(), given=values)

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        self.run("rollback", release, str(revision), "--namespace", namespace, "--history-max", str(HISTORY_MAX), *self._forced())

    def cancel(self) -> None:
        """Ends the helm that runs now, and lets none begin; for another thread, when the lock is lost."""
        self._canceled = True
        process = self._process
        if process is not None:
            process.kill()

    def _finished(self, command: list[str], given: str, environ: dict[str, str], seconds: float, files: t.Collection[int]) -> Finished:
        pipe = subprocess.PIPE
        ours = [sys.executable or "python3", "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())] if os.path.exists(_OURSELVES) else []
        # run_command passes no open files on.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [*ours, *command], executable=_OURSELVES if ours else None, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environ, pass_fds=files
        )
        with process:
            self._process = process
            if self._canceled:
                process.kill()
            try:
                output, errors = process.communicate(given, timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise
            finally:
                self._process = None
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _forced(self) -> list[str]:
        """Helm 4 applies on the server's side, where what somebody wrote by hand would be a conflict; the plan has named it and puts it right."""
        return ["--server-side=true", "--force-conflicts"] if self.version()[0] >= 4 else []

    def uninstall(self, release: str, namespace: str) -> None:
        self.run("uninstall", release, "--namespace", namespace)

    def run(self, *words: str, given: dict[str, t.Any] | None = None) -> str:
        """Its standard output; ``given`` are the values for its standard input. Raises HelmError with helm's own last words, DeadlineError when time is up."""
        what = f"helm {words[0]}"
        # JSON: what YAML would read as a number, such as 12e456789012, stays the text that it is.
        values = "" if given is None else json.dumps(given)
        # Made for each call: tokens rotate.
        kubeconfig = json.dumps(self._connection.kubeconfig()).encode()
        seconds = self.deadline.limit(600, what)
        try:
            with private_file(kubeconfig) as file:
                environ = environment(self._connection) | {"KUBECONFIG": file.path}
                done = self._finished([self.program, *words], values, environ, seconds, file.descriptors)
        except subprocess.TimeoutExpired as error:
            raise DeadlineError(f"{what} did not finish within {self.deadline.seconds:g} s, and its outcome is unknown: run again") from error
        if done.returncode != 0:
            raise HelmError(f"{what} failed: {last_words(done.stderr or done.stdout)}")
        return done.stdout


def find(program: str | None) -> str:
    """The helm program; raises InputError when there is none."""
    found = shutil.which(program or "helm")
    if not found:
        raise InputError(f"no program {program or 'helm'} was found; install Helm 3 or 4, or set vllm_helm_binary (binary_path)")
    return found


def environment(connection: Connection) -> dict[str, str]:
    """Our own environment for helm, without what names another cluster or user, and without credentials."""
    driver = os.environ.get("HELM_DRIVER") or "secret"
    if driver not in ("secret", "secrets"):
        raise InputError(f"HELM_DRIVER is {driver}, and releases are read from Secrets, Helm's default; unset it", code="helm_driver")
    foreign = ("KUBECONFIG", "HELM_DRIVER", "HELM_MAX_HISTORY")
    given = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_KUBE", "K8S_AUTH_")) and name not in foreign}
    if not connection.proxy:
        # We do not follow the proxy variables to the API server, so helm must not either.
        names = [given.get("NO_PROXY") or given.get("no_proxy") or "", urllib.parse.urlsplit(connection.host).hostname or ""]
        given["NO_PROXY"] = ",".join(name for name in names if name)
    return given


def last_words(output: str) -> str:
    """Helm's own sentence without its prefix and without warnings, at most 600 characters."""
    lines = [line.strip() for line in _RENDERING.sub("", output).splitlines() if line.strip() and not line.startswith(("WARNING", "W1", "I1", "level="))]
    text = " ".join(lines[-6:]).removeprefix("Error: ")
    return text[-600:] or "it printed nothing"
