"""The lab's parts: how each is started. The flags are fixed here and nowhere else."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
import typing as t

from . import _postgres, _prometheus
from ._kubeconfig import component
from ._layout import Layout
from ._optional import NAMES, PROMETHEUS, with_needs
from ._process import Process, recorded, start
from ._state import State

HOST = "127.0.0.1"
# The Go programs collect garbage twice as often as by default: a quarter less memory, for a little more CPU.
GOGC = "50"
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
KUBELET = "kubelet"
PARTS = (*CONTROL_PLANE, "kwok", "postgres", KUBELET)


@dataclasses.dataclass(frozen=True)
class Lab:
    """What every step needs."""

    layout: Layout
    state: State

    @property
    def parts(self) -> tuple[str, ...]:
        return parts(self.layout, self.state.extra)

    def port(self, part: str) -> int:
        return self.state.ports[part]

    def pem(self, name: str) -> str:
        return str(self.layout.pki / f"{name}.pem")

    def ca(self, name: str = "ca") -> str:
        return str(self.layout.pki / f"{name}.crt")


def parts(layout: Layout, extra: t.Iterable[str] = ()) -> tuple[str, ...]:
    """In the order in which they start."""
    return (*PARTS, *with_needs(extra))


def process(layout: Layout, part: str) -> Process | None:
    return recorded(layout.run / f"{part}.pid")


def begin(lab: Lab, part: str) -> Process:
    command = COMMANDS[part](lab)
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(lab.layout.state), "LC_ALL": "C", "GOGC": GOGC}
    if part == KUBELET:
        env |= {name: value for name, value in os.environ.items() if name.startswith("LAB_KUBELET_")} | {"PYTHONUNBUFFERED": "1"}
    return start(command, lab.layout.run / f"{part}.pid", lab.layout.log(part), env=env, cwd=lab.layout.root)


def _etcd(lab: Lab) -> list[str]:
    url, peer = f"https://{HOST}:{lab.port('etcd')}", f"https://{HOST}:{lab.port('etcd-peer')}"
    pem, ca = lab.pem("etcd"), lab.ca("etcd-ca")
    return [
        str(lab.layout.bin / "etcd"),
        "--name=lab",
        f"--data-dir={lab.layout.state / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        f"--cert-file={pem}",
        f"--key-file={pem}",
        f"--trusted-ca-file={ca}",
        "--client-cert-auth",
        f"--peer-cert-file={pem}",
        f"--peer-key-file={pem}",
        f"--peer-trusted-ca-file={ca}",
        "--peer-client-cert-auth",
        "--quota-backend-bytes=8589934592",
        "--unsafe-no-fsync",
    ]


def _apiserver(lab: Lab) -> list[str]:
    pem, accounts = lab.pem("kube-apiserver"), str(lab.layout.pki / "service-accounts.pem")
    return [
        str(lab.layout.bin / "kube-apiserver"),
        f"--etcd-servers=https://{HOST}:{lab.port('etcd')}",
        f"--etcd-cafile={lab.ca('etcd-ca')}",
        f"--etcd-certfile={lab.pem('etcd-client')}",
        f"--etcd-keyfile={lab.pem('etcd-client')}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={lab.port('kube-apiserver')}",
        f"--tls-cert-file={pem}",
        f"--tls-private-key-file={pem}",
        f"--client-ca-file={lab.ca()}",
        f"--kubelet-certificate-authority={lab.ca()}",
        f"--kubelet-client-certificate={pem}",
        f"--kubelet-client-key={pem}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={accounts}",
        f"--service-account-signing-key-file={accounts}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Endpoints may not be loopback addresses, so the lab's `kubernetes` Service has none.
        "--endpoint-reconciler-type=none",
        "--profiling=false",
    ]


def _controller_manager(lab: Lab) -> list[str]:
    kubeconfig, pem = component(lab.layout, "kube-controller-manager"), lab.pem("kube-controller-manager")
    return [
        str(lab.layout.bin / "kube-controller-manager"),
        *_secured(lab, "kube-controller-manager", kubeconfig, pem),
        f"--service-account-private-key-file={lab.layout.pki / 'service-accounts.pem'}",
        f"--root-ca-file={lab.ca()}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--profiling=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _scheduler(lab: Lab) -> list[str]:
    kubeconfig, pem = component(lab.layout, "kube-scheduler"), lab.pem("kube-scheduler")
    return [str(lab.layout.bin / "kube-scheduler"), *_secured(lab, "kube-scheduler", kubeconfig, pem), "--leader-elect=false"]


def _secured(lab: Lab, part: str, kubeconfig: pathlib.Path, pem: str) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--client-ca-file={lab.ca()}",
        f"--bind-address={HOST}",
        f"--secure-port={lab.port(part)}",
        f"--tls-cert-file={pem}",
        f"--tls-private-key-file={pem}",
    ]


def _kwok(lab: Lab) -> list[str]:
    return [
        str(lab.layout.bin / "kwok"),
        f"--kubeconfig={component(lab.layout, 'kwok')}",
        f"--config={lab.layout.root / 'lab' / 'manifests' / 'stages.yaml'}",
        "--manage-all-nodes",
        f"--node-ip={HOST}",
        f"--node-port={lab.port('kwok')}",
        f"--server-address={HOST}:{lab.port('kwok')}",
        f"--tls-cert-file={lab.pem('kwok')}",
        f"--tls-private-key-file={lab.pem('kwok')}",
        "--node-lease-duration-seconds=40",
        "--enable-crds=PortForward,Logs",
    ]


def _kubelet(lab: Lab) -> list[str]:
    kubeconfig = component(lab.layout, KUBELET)
    return [sys.executable, "-m", "lab.kubelet", "--kubeconfig", str(kubeconfig), "--state", str(lab.layout.state)]


def _names(lab: Lab) -> list[str]:
    return [sys.executable, "-m", "lab.names", "--name", lab.layout.name]


def _postgresql(lab: Lab) -> list[str]:
    _postgres.forget_killed(lab.layout)
    return _postgres.server(lab.layout, lab.port("postgres"))


COMMANDS: dict[str, t.Callable[[Lab], list[str]]] = {
    "etcd": _etcd,
    "kube-apiserver": _apiserver,
    "kube-controller-manager": _controller_manager,
    "kube-scheduler": _scheduler,
    "kwok": _kwok,
    "postgres": _postgresql,
    KUBELET: _kubelet,
    NAMES: _names,
    PROMETHEUS: _prometheus.command,
}
