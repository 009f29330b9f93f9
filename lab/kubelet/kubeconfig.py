"""Reads a kubeconfig into what a connection needs. Small on purpose: no plugins, no impersonation, only what the lab writes."""

from __future__ import annotations

import base64
import dataclasses
import os
import pathlib
import ssl
import tempfile
import typing as t

import yaml

from .types import Json


@dataclasses.dataclass(frozen=True)
class Access:
    server: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]


def load(path: pathlib.Path) -> Access:
    """The current context of the file. ValueError says what is wrong with it."""
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} is not a usable kubeconfig ({error}); is the lab up?") from error
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    tls = _tls(cluster, user, path.parent) if cluster["server"].startswith("https:") else None
    return Access(cluster["server"], tls, headers)


def _named(config: Json, group: str, name: str) -> Json:
    return next(t.cast(Json, entry) for entry in [*config[group], {"name": name, "missing": group}] if entry["name"] == name)


def _tls(cluster: Json, user: Json, folder: pathlib.Path) -> ssl.SSLContext:
    tls = ssl.create_default_context()
    authority = _bytes(cluster, "certificate-authority", folder)
    if authority:
        tls.load_verify_locations(cadata=authority.decode())
    elif cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate", folder), _bytes(user, "client-key", folder)
    if certificate and key:
        # ssl takes a client certificate from a file only.
        handle, name = tempfile.mkstemp(suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(certificate + b"\n" + key)
            tls.load_cert_chain(name)
        finally:
            os.unlink(name)
    return tls


def _bytes(entry: Json, name: str, folder: pathlib.Path) -> bytes:
    if entry.get(f"{name}-data"):
        return base64.b64decode(entry[f"{name}-data"])
    return (folder / entry[name]).read_bytes() if entry.get(name) else b""
