"""etcd, API server and scheduler, and nothing else: no controller and no kubelet touches what a case has made."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import typing as t

from lab import _kubeconfig, _parts, _pki, _process, _state
from lab._api import client
from lab._errors import LabError
from lab._health import trouble
from lab._layout import Layout
from lab._parts import Lab
from plugins.module_utils.cluster._client import Client

SECONDS = 60.0
# Nodes are made as they shall be; no taint and no service account is added behind our back.
_MORE = {
    "etcd": [],
    "kube-apiserver": ["--disable-admission-plugins=TaintNodesByCondition,ServiceAccount", "--delete-collection-workers=8"],
    "kube-scheduler": ["--kube-api-qps=2000", "--kube-api-burst=2000"],
}


@contextlib.contextmanager
def plane() -> t.Iterator[Lab]:
    """A control plane of this process's own; its processes end with the block."""
    layout = Layout(f"differential-{os.getpid()}")
    layout.check_programs()
    for folder in (layout.state / "logs", layout.run):
        folder.mkdir(mode=0o700, parents=True)
    lab = Lab(layout, _state.create(layout, []))
    _pki.ensure(layout.pki)
    _kubeconfig.write_all(layout, lab.state)
    started: list[_process.Process] = []
    try:
        for part, more in _MORE.items():
            started.append(_start(lab, part, more))
            if part != "etcd":
                _wait(lab, part)
        yield lab
    finally:
        _process.stop(started, signal.SIGTERM, seconds=5)
        shutil.rmtree(layout.state)


def admin(lab: Lab, seconds: float = 1e6) -> Client:
    return client(lab.layout, lab.state, seconds=seconds)


def _start(lab: Lab, part: str, more: list[str]) -> _process.Process:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(lab.layout.state)}
    command = [*_parts.COMMANDS[part](lab), *more]
    return _process.start(command, lab.layout.run / f"{part}.pid", lab.layout.log(part), env=environment, cwd=lab.layout.root)


def _wait(lab: Lab, part: str) -> None:
    end = time.monotonic() + SECONDS
    while seen := trouble(lab, part):
        if time.monotonic() > end:
            raise LabError(f"{part} did not answer within {SECONDS:g} s (last seen: {seen}); its log is {lab.layout.log(part)}.")
        time.sleep(0.05)
