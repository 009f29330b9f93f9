"""Kubeconfigs with everything inside: they can be copied elsewhere, and a path with a space is no matter."""

from __future__ import annotations

import base64
import os
import pathlib
import typing as t

import yaml

from ._layout import WHO, Layout
from ._state import State

CONTEXT = "lab"


def write_all(layout: Layout, state: State) -> None:
    url = f"https://127.0.0.1:{state.ports['kube-apiserver']}"
    for who in WHO:
        _write(layout, layout.kubeconfig(who), who, url)
    for part in ("kube-controller-manager", "kube-scheduler", "kwok", "kubelet"):
        _write(layout, component(layout, part), part, url)


def component(layout: Layout, part: str) -> pathlib.Path:
    return layout.pki / f"{part}.kubeconfig"


def content(layout: Layout, identity: str, url: str) -> dict[str, t.Any]:
    key, certificate = _halves(layout.pki / f"{identity}.pem")
    authority = (layout.pki / "ca.crt").read_text(encoding="ascii")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url, "certificate-authority-data": _encoded(authority)}}],
        "users": [{"name": identity, "user": {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": identity}}],
        "current-context": CONTEXT,
    }


def _write(layout: Layout, path: pathlib.Path, identity: str, url: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        yaml.safe_dump(content(layout, identity, url), file, sort_keys=False)
    new.replace(path)


def _halves(pem: pathlib.Path) -> tuple[str, str]:
    """Key and certificate of an identity's file."""
    key, marker, certificate = pem.read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE-----")
    return key, marker + certificate


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
