# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Plain kubeconfigs, read without the kubernetes package: its import costs half a second in every module of every task.

Plain is a user with certificates, a token or a token file. Everything else (exec plugins, auth providers, several files merged) is left
to the package's own loader; ``read`` says None then, and tests hold the two against each other.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import contextlib
import os
import tempfile
import typing as t

Json = t.Mapping[str, t.Any]

_CLUSTER = {"server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify", "tls-server-name"}
_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"}


class Plain(t.NamedTuple):
    """What a plain kubeconfig says, with files for what stood in it."""

    host: str
    authorization: t.Callable[[], str | None]
    ca_cert: str | None
    client_cert: str | None
    client_key: str | None
    verify: bool
    tls_server_name: str | None


def read(path: str, context: str | None) -> Plain | None:
    """None when the file is not plain, or not as it should be: the package's loader then finds the words."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            # The loader in C is ten times faster, and not in every build of PyYAML.
            config = yaml.load(file, Loader=yaml.CSafeLoader) if hasattr(yaml, "CSafeLoader") else yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return parse(config, context, os.path.dirname(os.path.abspath(path))) if isinstance(config, dict) else None


def parse(config: Json, context: str | None, folder: str) -> Plain | None:
    chosen = _named(config, "contexts", "context", context or config.get("current-context"))
    cluster = _named(config, "clusters", "cluster", (chosen or {}).get("cluster"))
    user = _named(config, "users", "user", (chosen or {}).get("user"))
    if not cluster or user is None or not set(cluster) <= _CLUSTER or not set(user) <= _USER or not str(cluster.get("server", "")).startswith("http"):
        return None
    try:
        return Plain(
            host=cluster["server"],
            authorization=_token(user, folder),
            ca_cert=_file(cluster, "certificate-authority", folder),
            client_cert=_file(user, "client-certificate", folder),
            client_key=_file(user, "client-key", folder),
            verify=not cluster.get("insecure-skip-tls-verify"),
            tls_server_name=cluster.get("tls-server-name"),
        )
    except (ValueError, TypeError, binascii.Error):
        return None


def _named(config: Json, section: str, key: str, name: t.Any) -> Json | None:
    entries = config.get(section)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(key)
            return found if isinstance(found, dict) else None
    return None


def _token(user: Json, folder: str) -> t.Callable[[], str | None]:
    token, path = user.get("token"), user.get("tokenFile")
    if token or not path:
        return lambda: f"Bearer {token}" if token else None

    def rotated() -> str:
        # Read for each request: whoever rotates the token writes the file anew.
        with open(os.path.join(folder, path), encoding="utf-8") as file:
            return f"Bearer {file.read().strip()}"

    return rotated


def _file(section: Json, name: str, folder: str) -> str | None:
    data = section.get(f"{name}-data")
    if data:
        return _kept(base64.b64decode(data, validate=True))
    return os.path.join(folder, section[name]) if section.get(name) else None


def _kept(content: bytes) -> str:
    """OpenSSL takes keys from files only; this one is ours alone and goes with the process."""
    handle, path = tempfile.mkstemp(prefix="inference.vllm-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    atexit.register(_remove, path)
    return path


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
