# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where the API server is and who we are there: one answer, for our own requests and for every program that we start."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import ssl
import typing as t
import urllib.parse

from ..http._dial import Proxy, proxy
from . import _credentials, _kubeconfig
from ._credentials import Credentials, Identity
from ._errors import ConnectionConfigError
from ._private_file import private_file

Options = t.Mapping[str, t.Any]

#: What a header's name may have beside letters and digits.
_HEADER_NAME = "!#$&'*+-.^_`|~"


@dataclasses.dataclass(frozen=True)
class Connection:
    """All that is needed to open a request. Certificates and keys are PEM, in memory; ``authorization`` is asked anew each time, since tokens rotate."""

    host: str
    authorization: t.Callable[[], str | None]
    ca_data: bytes | None = None
    client_cert_data: bytes | None = None
    client_key_data: bytes | None = dataclasses.field(default=None, repr=False)
    validate_certs: bool = True
    tls_server_name: str | None = None
    proxy: str | None = dataclasses.field(default=None, repr=False)
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str | None = None
    impersonate_extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """Pairs: each group and each extra value has a header of its own."""
        headers = [("Authorization", self.authorization()), ("Impersonate-User", self.impersonate_user), ("Impersonate-Uid", self.impersonate_uid)]
        headers += [("Impersonate-Group", group) for group in self.impersonate_groups]
        for name, values in self.impersonate_extra:
            headers += [(f"Impersonate-Extra-{urllib.parse.quote(name, safe=_HEADER_NAME)}", value) for value in values]
        return [(name, value) for name, value in headers if value]

    def by(self) -> Proxy | None:
        """The proxy on the way; raises ConnectionConfigError for a kind that is not supported."""
        if not self.proxy:
            return None
        try:
            return proxy(self.proxy)
        except ValueError as error:
            raise ConnectionConfigError(f"the proxy for {self.host} cannot be used: {error}; check proxy (or proxy-url in the kubeconfig)") from error

    def tls(self) -> ssl.SSLContext | None:
        if not self.host.startswith("https://"):
            return None
        try:
            context = ssl.create_default_context(cadata=None if self.ca_data is None else _certificates(self.ca_data))
            if not self.validate_certs:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.client_cert_data:
                self._load_client_certificate(context, self.client_cert_data)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConnectionConfigError(f"the certificates for {self.host} cannot be loaded: {error}; check ca_cert, client_cert and client_key") from error
        return context

    def kubeconfig(self) -> dict[str, t.Any]:
        """The same place and the same user for kubectl and helm, with nothing left to find out."""
        cluster = {
            "server": self.host,
            # Both together are refused by client-go.
            "insecure-skip-tls-verify": not self.validate_certs,
            "certificate-authority-data": _base64(self.ca_data) if self.validate_certs else None,
            "tls-server-name": self.tls_server_name,
            "proxy-url": self.proxy,
        }
        user = {
            **_bearer(self.authorization()),
            "client-certificate-data": _base64(self.client_cert_data),
            # A key may stand in the certificate's file.
            "client-key-data": _base64(self.client_key_data or self.client_cert_data),
            "as": self.impersonate_user,
            "as-uid": self.impersonate_uid,
            "as-groups": list(self.impersonate_groups),
            "as-user-extra": {name: list(values) for name, values in self.impersonate_extra},
        }
        name = "inference.vllm"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {key: value for key, value in cluster.items() if value}}],
            "users": [{"name": name, "user": {key: value for key, value in user.items() if value}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }

    def _load_client_certificate(self, context: ssl.SSLContext, certificate: bytes) -> None:
        # OpenSSL takes them from files only. An empty password: one that is needed is an error here, and never a question on the terminal.
        with contextlib.ExitStack() as files:
            cert = files.enter_context(private_file(certificate)).path
            key = files.enter_context(private_file(self.client_key_data)).path if self.client_key_data else None
            context.load_cert_chain(cert, key, password="")


def connect(options: Options) -> Connection:
    """Options as ``kubernetes_options()`` gives them, environment applied; raises ConnectionConfigError."""
    authorization = _given_authorization(options)
    nothing = Connection("", _credentials.constant(None))
    found = nothing if _alone(options) else _found(options, replaced=authorization is not None)
    validate, groups = options.get("validate_certs"), tuple(options.get("impersonate_groups") or ())
    connection = Connection(
        host=(options.get("host") or found.host).rstrip("/"),
        authorization=authorization or found.authorization,
        ca_data=_content(options, "ca_cert") or found.ca_data,
        client_cert_data=_content(options, "client_cert") or found.client_cert_data,
        client_key_data=_content(options, "client_key") or (None if options.get("client_cert") else found.client_key_data),
        validate_certs=found.validate_certs if validate is None else validate,
        tls_server_name=found.tls_server_name,
        proxy=options.get("proxy") or found.proxy,
        impersonate_user=options.get("impersonate_user") or found.impersonate_user,
        impersonate_groups=groups or found.impersonate_groups,
        impersonate_uid=found.impersonate_uid,
        impersonate_extra=found.impersonate_extra,
    )
    _refuse(connection)
    return connection


def _found(options: Options, *, replaced: bool) -> Connection:
    """What the kubeconfig says."""
    kubeconfig, context = options.get("kubeconfig"), options.get("context")
    chosen = _kubeconfig.of_dictionary(kubeconfig, context) if isinstance(kubeconfig, dict) else _kubeconfig.of_files(kubeconfig, context)
    credentials: Credentials = _credentials.of_user(chosen, replaced=replaced)
    acting: Identity = _credentials.identity(chosen)
    return Connection(
        host=chosen.text("cluster", "server"),
        authorization=credentials.authorization,
        ca_data=_credentials.data_of(chosen, "cluster", "certificate-authority"),
        client_cert_data=credentials.client_cert,
        client_key_data=credentials.client_key,
        validate_certs=not chosen.cluster.get("insecure-skip-tls-verify"),
        tls_server_name=chosen.text("cluster", "tls-server-name") or None,
        proxy=chosen.text("cluster", "proxy-url") or None,
        impersonate_user=acting.user or None,
        impersonate_groups=acting.groups,
        impersonate_uid=acting.uid or None,
        impersonate_extra=acting.extra,
    )


def _given_authorization(options: Options) -> t.Callable[[], str | None] | None:
    if options.get("api_key"):
        return _credentials.constant(f"Bearer {options['api_key']}")
    if bool(options.get("username")) != bool(options.get("password")):
        raise ConnectionConfigError("username and password belong together; give both (or K8S_AUTH_USERNAME and K8S_AUTH_PASSWORD)")
    if options.get("username"):
        return _credentials.constant(_credentials.basic(options["username"], options["password"]))
    return None


def _alone(options: Options) -> bool:
    """Whether the options say everything themselves."""
    who = options.get("api_key") or options.get("client_cert") or options.get("username")
    return bool(options.get("host") and who and not options.get("kubeconfig") and not options.get("context"))


def _content(options: Options, name: str) -> bytes | None:
    if not options.get(name):
        return None
    try:
        with open(options[name], "rb") as file:
            return file.read()
    except OSError as error:
        raise ConnectionConfigError(f"{name} {options[name]} cannot be read: {error.strerror}; check ca_cert, client_cert and client_key") from error


def _refuse(connection: Connection) -> None:
    if not _kubeconfig.usable(connection.host):
        raise ConnectionConfigError(f"host {connection.host} is no URL that begins with https:// or http://; check host (or K8S_AUTH_HOST)")
    if not connection.impersonate_user and connection.impersonate_groups:
        raise ConnectionConfigError("impersonate_groups needs impersonate_user: the API server takes no group without a user")
    connection.by()


def _certificates(pem: bytes) -> str:
    """As ssl takes them; without this check an empty file would mean the system's own authorities."""
    if b"-----BEGIN " not in pem:
        raise ValueError("the CA file has no PEM certificate in it")
    # Comments between certificates may have any letters.
    return pem.decode("ascii", "ignore")


def _base64(pem: bytes | None) -> str | None:
    return base64.b64encode(pem).decode() if pem else None


def _bearer(header: str | None) -> dict[str, str]:
    """An Authorization header as a kubeconfig's user."""
    kind, _space, value = (header or "").partition(" ")
    if kind == "Basic":
        user, _colon, password = base64.b64decode(value).decode().partition(":")
        return {"username": user, "password": password}
    return {"token": value} if value else {}
