# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where the API server is and who we are there."""

from __future__ import annotations

import base64
import dataclasses
import os
import ssl
import typing as t

from .._errors import Error
from . import _kubeconfig
from ._kubeconfig import Plain

Options = t.Mapping[str, t.Any]


class ConnectionConfigError(Error):
    """The kubeconfig or the connection options cannot be used."""

    code = "connection_config"


@dataclasses.dataclass(frozen=True)
class Connection:
    """All that is needed to open a request: ``authorization`` is asked anew each time, since tokens rotate."""

    host: str
    authorization: t.Callable[[], str | None]
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    validate_certs: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        headers = {}
        authorization = self.authorization()
        if authorization:
            headers["Authorization"] = authorization
        if self.impersonate_user:
            headers["Impersonate-User"] = self.impersonate_user
        return headers

    def tls(self) -> ssl.SSLContext | None:
        if not self.host.startswith("https://"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_cert)
            if not self.validate_certs:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except (OSError, ssl.SSLError) as error:
            raise ConnectionConfigError(f"the certificates for {self.host} cannot be loaded: {error}; check ca_cert, client_cert and client_key") from error
        return context


def connect(options: Options) -> Connection:
    """Options as ``kubernetes_options()`` gives them, environment applied; raises ConnectionConfigError."""
    found = _plain(options) or _loaded(options)
    authorization = found.authorization
    if options.get("username") and options.get("password"):
        authorization = _constant("Basic " + base64.b64encode(f"{options['username']}:{options['password']}".encode()).decode())
    if options.get("api_key"):
        authorization = _constant(f"Bearer {options['api_key']}")
    validate = options.get("validate_certs")
    return Connection(
        host=(options.get("host") or found.host).rstrip("/"),
        authorization=authorization,
        ca_cert=options.get("ca_cert") or found.ca_cert,
        client_cert=options.get("client_cert") or found.client_cert,
        client_key=options.get("client_key") or found.client_key,
        validate_certs=found.verify if validate is None else validate,
        tls_server_name=found.tls_server_name,
        proxy=options.get("proxy"),
        impersonate_user=options.get("impersonate_user"),
        impersonate_groups=tuple(options.get("impersonate_groups") or ()),
    )


def _plain(options: Options) -> Plain | None:
    """The connection without the kubernetes package, where the options or the kubeconfig are plain enough."""
    kubeconfig, context = options.get("kubeconfig"), options.get("context")
    if _alone(options):
        return Plain("", _constant(None), None, None, None, True, None)
    if isinstance(kubeconfig, dict):
        return _kubeconfig.parse(kubeconfig, context, os.getcwd())
    path = os.path.expanduser(kubeconfig or _default_kubeconfig())
    return None if os.pathsep in path else _kubeconfig.read(path, context)


def _alone(options: Options) -> bool:
    """Whether the options say everything themselves."""
    who = options.get("api_key") or options.get("client_cert") or options.get("username")
    return bool(options.get("host") and who and not options.get("kubeconfig") and not options.get("context"))


def _loaded(options: Options) -> Plain:
    """By the kubernetes package's own loader: exec plugins, auth providers, merged files, a pod's service account."""
    # Imported here: it costs 0.5 s, and a module that refuses its input must not need it.
    try:
        from kubernetes import config as loader
        from kubernetes.client import Configuration
    except ImportError as error:
        raise ConnectionConfigError(f"the Python package kubernetes is needed: {error}; pip install kubernetes") from error
    configuration = Configuration()
    kubeconfig, context = options.get("kubeconfig"), options.get("context")
    try:
        if isinstance(kubeconfig, dict):
            loader.load_kube_config_from_dict(kubeconfig, context=context, client_configuration=configuration, persist_config=False)
        elif not kubeconfig and os.environ.get("KUBERNETES_SERVICE_HOST") and not os.path.exists(_default_kubeconfig()):
            loader.load_incluster_config(client_configuration=configuration)
        else:
            path = os.path.expanduser(kubeconfig) if kubeconfig else None
            loader.load_kube_config(config_file=path, context=context, client_configuration=configuration, persist_config=False)
    except Exception as error:  # the loader raises its own, yaml's, OSError and subprocess errors alike
        where = "the kubeconfig given as a dictionary" if isinstance(kubeconfig, dict) else f"kubeconfig {kubeconfig or _default_kubeconfig()}"
        raise ConnectionConfigError(
            f"{where} cannot be used: {str(error).strip().splitlines()[0]}; check kubeconfig and context (or K8S_AUTH_KUBECONFIG, K8S_AUTH_CONTEXT)"
        ) from error
    return Plain(
        host=configuration.host,
        authorization=_authorization(configuration),
        ca_cert=configuration.ssl_ca_cert,
        client_cert=configuration.cert_file,
        client_key=configuration.key_file,
        verify=configuration.verify_ssl,
        tls_server_name=configuration.tls_server_name,
    )


def _default_kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")


def _authorization(configuration: t.Any) -> t.Callable[[], str | None]:
    def header() -> str | None:
        if configuration.username and configuration.password:
            return t.cast(str, configuration.get_basic_auth_token())
        # Runs the loader's refresh hook, so that exec plugins and rotated token files are honoured.
        return t.cast("str | None", configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix("BearerToken"))

    return header


def _constant(header: str | None) -> t.Callable[[], str | None]:
    return lambda: header
