# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who a kubeconfig's user is: token, token file, certificate, name and password, or what an exec plugin gives. Never anonymous by accident."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import json
import threading
import time
import typing as t

from ._errors import ConnectionConfigError
from ._kubeconfig import Chosen, Json

Authorization = t.Callable[[], "str | None"]

#: How long an exec plugin may take, in seconds; one that waits for a person would hang the play.
PLUGIN_SECONDS = 60.0
_MEANT = ("token", "tokenFile", "username", "password", "client-certificate", "client-certificate-data", "exec", "auth-provider")
_EXTRA = ("as-uid", "as-groups", "as-user-extra")


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who to act as, beyond who one is: the ``as`` keys of a kubeconfig's user."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclasses.dataclass(frozen=True)
class Credentials:
    """``authorization`` gives the header for one request: tokens rotate."""

    authorization: Authorization
    client_cert: bytes | None = None
    client_key: bytes | None = dataclasses.field(default=None, repr=False)


def constant(header: str | None) -> Authorization:
    return lambda: header


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def of_user(chosen: Chosen, *, replaced: bool) -> Credentials:
    """``replaced``: the options give a token or a password of their own, so that the user's is not asked for, as with kubectl's ``--token``."""
    user = chosen.user
    cert, key = data_of(chosen, "user", "client-certificate"), data_of(chosen, "user", "client-key")
    if cert and not key:
        raise chosen.refusal("its user has a client certificate and no client key")
    if replaced:
        return Credentials(constant(None), cert, key)
    authorization, from_plugin = _authorization(chosen)
    found = from_plugin or Credentials(authorization or constant(None), cert, key)
    if not authorization and not from_plugin and not cert and any(name in user for name in _MEANT):
        meant = ", ".join(name for name in _MEANT if name in user)
        raise chosen.refusal(f"its user gives no credentials although it has {meant}; requests would be anonymous")
    return found


def identity(chosen: Chosen) -> Identity:
    user = chosen.user
    if not user.get("as") and any(user.get(name) for name in _EXTRA):
        raise chosen.refusal(f"its user has {', '.join(name for name in _EXTRA if user.get(name))} without as")
    groups, extra = user.get("as-groups") or [], user.get("as-user-extra") or {}
    if not isinstance(groups, list) or not isinstance(extra, dict) or not all(isinstance(values, list) for values in extra.values()):
        raise chosen.refusal("as-groups of its user is not a list, or as-user-extra no mapping of lists")
    kept = tuple((str(name), tuple(str(value) for value in values)) for name, values in extra.items())
    return Identity(chosen.text("user", "as"), chosen.text("user", "as-uid"), tuple(str(group) for group in groups), kept)


def data_of(chosen: Chosen, section: t.Literal["cluster", "user"], name: str) -> bytes | None:
    """The content of a certificate or key, which stands in the kubeconfig or in a file; what stands in it wins, as with kubectl."""
    data = chosen.text(section, f"{name}-data")
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except binascii.Error as error:
            raise chosen.refusal(f"{name}-data of its {section} is not base64") from error
    path = chosen.text(section, name)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise chosen.refusal(f"{name} {path}: {error.strerror or error}") from error


def _authorization(chosen: Chosen) -> tuple[Authorization | None, Credentials | None]:
    """From the one way in which the user authenticates, as kubectl ranks them; more than one is refused where kubectl refuses it."""
    user = chosen.user
    token, path = chosen.text("user", "token"), chosen.text("user", "tokenFile")
    name, password = chosen.text("user", "username"), chosen.text("user", "password")
    plugin, provider = user.get("exec"), user.get("auth-provider")
    if sum(map(bool, (token or path, name or password, provider))) > 1 or (plugin and (name or password or provider)):
        raise chosen.refusal("its user has more than one way to authenticate")
    if path:
        return _rotated(chosen, path, token), None
    if token:
        return constant(f"Bearer {token}"), None
    if plugin:
        return None, _Plugin(chosen).credentials()
    if provider:
        return constant(f"Bearer {_id_token(chosen, provider)}"), None
    if name or password:
        return constant(basic(name, password)), None
    return None, None


def _rotated(chosen: Chosen, path: str, token: str) -> Authorization:
    """Read for each request: whoever rotates the token writes the file anew. What was read last holds while it cannot be read."""
    last = token

    def header() -> str:
        nonlocal last
        why = "it is empty"
        try:
            with open(path, encoding="utf-8") as file:
                last = file.read().strip() or last
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
        if not last:
            raise chosen.refusal(f"tokenFile {path}: {why}")
        return f"Bearer {last}"

    header()
    return header


def _id_token(chosen: Chosen, provider: t.Any) -> str:
    """The oidc token while it is valid. It is not renewed here: the identity provider may give each refresh token once, and kubectl holds it."""
    name = provider.get("name") if isinstance(provider, dict) else None
    if name != "oidc":
        raise chosen.refusal(f"its user has the auth-provider {name}, which kubectl no longer knows; use an exec plugin")
    token = str((provider.get("config") or {}).get("id-token") or "")
    try:
        claims = token.split(".")[1]
        expires = float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise chosen.refusal("the id-token of its auth-provider oidc is no token with an end; log in with kubectl, or use an exec plugin") from None
    if expires <= time.time():
        raise chosen.refusal("the id-token of its auth-provider oidc has expired; run any kubectl command to renew it, or use an exec plugin")
    return token


class _Plugin:
    """An exec plugin: asked once, and again when what it gave has expired."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._lock = threading.Lock()
        self._status: Json = {}

    def credentials(self) -> Credentials:
        header = self.header()
        cert, key = (self._status.get(name) for name in ("clientCertificateData", "clientKeyData"))
        if not header and not (cert and key):
            raise self._failed("it gave neither a token nor a certificate with its key")
        return Credentials(self.header, str(cert).encode() if cert else None, str(key).encode() if key else None)

    def header(self) -> str | None:
        # One at a time: several threads that find the token expired would each start the plugin.
        with self._lock:
            if not self._status or self._expired():
                self._status = self._ask()
        token = self._status.get("token")
        return f"Bearer {token}" if token else None

    def _expired(self) -> bool:
        stamp = self._status.get("expirationTimestamp")
        if not stamp:
            return False
        try:
            return datetime.datetime.fromisoformat(str(stamp)) <= datetime.datetime.now(tz=datetime.UTC)
        except (TypeError, ValueError) as error:
            raise self._failed(f"its expirationTimestamp {stamp} is no time") from error

    def _ask(self) -> Json:
        # Imported here: it costs half a second, and only users of a plugin need it.
        try:
            from kubernetes.config.exec_provider import ExecProvider
            from kubernetes.config.kube_config import ConfigNode
        except ImportError as error:
            raise ConnectionConfigError(f"exec plugins of a kubeconfig need the Python package kubernetes: {error}; pip install kubernetes") from error
        plugin = self._chosen.user["exec"]
        if not isinstance(plugin, dict):
            raise self._chosen.refusal("exec of its user is not a mapping")
        answer: list[t.Any] = []

        def ask() -> None:
            try:
                answer.append(ExecProvider(ConfigNode("exec", dict(plugin)), None, ConfigNode("cluster", dict(self._chosen.cluster))).run())
            except Exception as error:  # its own exception, those of subprocess, and those that a strange configuration causes
                answer.append(error)

        # The package gives no limit of time, so it runs beside us and is left behind.
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(PLUGIN_SECONDS)
        if not answer:
            raise self._failed(f"it did not end within {PLUGIN_SECONDS:g} s; does it wait for a login?")
        if isinstance(answer[0], FileNotFoundError):
            raise self._failed(f"there is no such program; {plugin.get('installHint') or 'install it'}")
        if isinstance(answer[0], Exception):
            raise self._failed(str(answer[0]) or type(answer[0]).__name__)
        if not isinstance(answer[0], dict) or not answer[0]:
            raise self._failed("it gave neither a token nor a certificate with its key")
        return answer[0]

    def _failed(self, why: str) -> ConnectionConfigError:
        return self._chosen.refusal(f"its exec plugin {self._chosen.user['exec'].get('command')} failed: {why}")
