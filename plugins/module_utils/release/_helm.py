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
import typing as t
import urllib.parse

from .._deadline import Deadline
from .._errors import DeadlineError, Error, InputError
from ..cluster._connection import Connection
from ..cluster._private_file import private_file

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
# Where a chart's own refusal stands in its templates, and how to render it all the same: neither helps whoever wrote the values.
_RENDERING = re.compile(r"execution error at \([^()]*\): |^Use --debug flag to render out invalid YAML$", re.MULTILINE)


#: Values come by standard input: no file that could be left behind, whose path could have a space, or that somebody else could read.
_VALUES = ("--values", "-")


class HelmError(Error):
    """helm ended with an error; the text carries its last lines."""

    code = "helm_failed"


class Helm:
    """One helm program on one connection, all calls under one deadline."""

    def __init__(self, connection: Connection, deadline: Deadline, *, program: str | None = None) -> None:
        self.deadline = deadline
        self.program = find(program)
        self._connection = connection

    def version(self) -> tuple[int, int, int]:
        text = self.run("version", "--template", "{{.Version}}")
        found = _VERSION.search(text)
        if not found:
            raise HelmError(f"{self.program} version says {text.strip()[:60]!r}, which is no version; give the path of Helm 3 or 4")
        major, minor, patch = (int(part) for part in found.groups())
        return major, minor, patch

    def template(self, release: str, namespace: str, chart: str, values: dict[str, t.Any], *, kube_version: str, upgrade: bool) -> str:
        """The manifest that an install or upgrade would store: hooks and tests left out, as Helm keeps them apart."""
        words = ["template", release, chart, "--namespace", namespace, *_VALUES, "--no-hooks", "--skip-tests", "--kube-version", kube_version]
        return self.run(*words, *(["--is-upgrade"] if upgrade else []), given=values)

    def upgrade(self, release: str, namespace: str, chart: str, values: dict[str, t.Any], *, description: str) -> None:
        """Installs or upgrades to exactly ``values``. Without --wait (the rollout wait says what is wrong while it waits) and without --atomic,
        which on failure takes twice its timeout and can leave two failed revisions behind."""
        words = ["upgrade", release, chart, "--install", "--namespace", namespace, *_VALUES, "--reset-values", "--description", description]
        self.run(*words, given=values)

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        self.run("rollback", release, str(revision), "--namespace", namespace)

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
                done = subprocess.run(
                    [self.program, *words],
                    input=values,
                    capture_output=True,
                    text=True,
                    env=environment(self._connection) | {"KUBECONFIG": file.path},
                    pass_fds=file.descriptors,
                    timeout=seconds,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise DeadlineError(f"{what} did not finish within {self.deadline.seconds:g} s; nothing is known of its outcome: run again") from error
        if done.returncode != 0:
            raise HelmError(f"{what} failed: {last_words(done.stderr or done.stdout)}")
        return done.stdout


def find(program: str | None) -> str:
    """The helm program; raises InputError when there is none."""
    found = shutil.which(program or "helm")
    if not found:
        raise InputError(f"no program {program or 'helm'} was found; install Helm 3 or 4 or set binary_path")
    return found


def environment(connection: Connection) -> dict[str, str]:
    """Our own environment for helm, without what names another cluster or user, and without credentials."""
    # HELM_DRIVER and the like are the user's to set.
    given = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_KUBE", "K8S_AUTH_")) and name != "KUBECONFIG"}
    if not connection.proxy:
        # We do not follow the proxy variables to the API server, so helm must not either.
        names = [given.get("NO_PROXY") or given.get("no_proxy") or "", urllib.parse.urlsplit(connection.host).hostname or ""]
        given["NO_PROXY"] = ",".join(name for name in names if name)
    return given


def last_words(output: str) -> str:
    """Helm's own sentence without its prefix and without warnings, at most 600 characters."""
    lines = [line.strip() for line in _RENDERING.sub("", output).splitlines() if line.strip() and not line.startswith(("WARNING", "W1", "I1", "level="))]
    text = " ".join(lines[-6:]).removeprefix("Error: ")
    return text[-600:] or "it said nothing"
