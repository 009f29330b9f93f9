"""etcd, API server and scheduler, and nothing else: no controller and no kubelet touches what a case has made."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import time
import typing as t

from lab import _kubeconfig, _parts, _pki, _process, _state
from lab._api import client, trust
from lab._client import Client
from lab._errors import LabError
from lab._health import trouble
from lab._layout import Layout
from lab._parts import Lab

SECONDS = 60.0
# Memory is there for these few minutes, and collecting garbage seldom saves a third of the processor's time.
GOGC = "400"
# Nodes are made as they shall be; no taint and no service account is added behind our back.
_MORE = {
    "etcd": [],
    "kube-apiserver": [
        "--disable-admission-plugins=TaintNodesByCondition,ServiceAccount,StorageObjectInUseProtection",
        "--delete-collection-workers=8",
        "--enable-priority-and-fairness=false",
        "--max-requests-inflight=0",
        "--max-mutating-requests-inflight=0",
    ],
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


class Broom:
    """Takes away what a case has made, straight out of etcd: one by one through the API server it is a third of all work."""

    KINDS = ("pods", "minions", "events", "persistentvolumes", "persistentvolumeclaims", "resourceslices", "resourceclaims", "deviceclasses")

    def __init__(self, lab: Lab) -> None:
        self._connection = http.client.HTTPSConnection("127.0.0.1", lab.port("etcd"), context=trust(lab.layout, authority="etcd-ca", identity="etcd-client"))
        # "0" is the character after "/".
        ranges = [(f"/registry/{kind}/", f"/registry/{kind}0") for kind in self.KINDS]
        deletes = [{"request_delete_range": {"key": _encoded(first), "range_end": _encoded(end)}} for first, end in ranges]
        self._body = json.dumps({"success": deletes})

    def sweep(self) -> None:
        self._connection.request("POST", "/v3/kv/txn", self._body)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise LabError(f"etcd did not delete what the case has made: HTTP {answer.status}: {said[:300]!r}")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _start(lab: Lab, part: str, more: list[str]) -> _process.Process:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(lab.layout.state), "GOGC": GOGC}
    command = [*_parts.COMMANDS[part](lab), *more]
    return _process.start(command, lab.layout.run / f"{part}.pid", lab.layout.log(part), env=environment, cwd=lab.layout.root)


def _wait(lab: Lab, part: str) -> None:
    end = time.monotonic() + SECONDS
    while seen := trouble(lab, part):
        if time.monotonic() > end:
            raise LabError(f"{part} did not answer within {SECONDS:g} s (last seen: {seen}); its log is {lab.layout.log(part)}.")
        time.sleep(0.05)
