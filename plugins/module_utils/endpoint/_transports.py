# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How an endpoint is reached: straight to a URL, or to a pod or Service through the API server."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import socket
import ssl
import threading
import time
import typing as t
import urllib.parse

from .._errors import Error
from ..cluster._client import Client
from ..cluster._portforward import ForwardBroken, ForwardedPort, ForwardError, forward
from ..http._dial import Proxy, dial
from . import _guard
from ._errors import ProbeError, TransportLost, UnknownError, shown
from ._guard import Networks, Url


@dataclasses.dataclass
class Direct:
    """A URL. Its name is resolved once, judged, and the judged address is the one connected to."""

    target: Url
    allowed: Networks = ()
    tls: ssl.SSLContext | None = None
    headers: t.Sequence[tuple[str, str]] = ()
    pod: str = ""
    carries_key: bool = True
    _addresses: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return self.target.text

    @property
    def authority(self) -> str:
        return self.target.authority

    @property
    def prefix(self) -> str:
        return self.target.path

    def dial(self, seconds: float) -> socket.socket:
        until = time.perf_counter() + seconds
        if not self._addresses:
            self._addresses = resolve(self.target, self.allowed, seconds)
        opened = self._connect(until)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return opened
        try:
            return self.tls.wrap_socket(opened, server_hostname=self.target.host)
        except OSError:
            opened.close()
            raise

    def vet(self, status: int, body: bytes) -> None:
        """Nothing is in between: every answer is the endpoint's."""

    def _connect(self, until: float) -> socket.socket:
        last: OSError = TimeoutError("the deadline has passed")
        for address in self._addresses:
            left = until - time.perf_counter()
            if left <= 0:
                break
            try:
                return socket.create_connection((address, self.target.port), left)
            except OSError as error:
                last = error
        raise last


def resolve(target: Url, allowed: Networks, seconds: float) -> tuple[str, ...]:
    """The addresses of a target, all of them allowed; one that is not refuses the name, since it may be the next answer."""
    try:
        found: tuple[str, ...] = (str(ipaddress.ip_address(target.host)),)
    except ValueError:
        found = _look_up(target, seconds)
    for address in found:
        reason = _guard.refusal(address, allowed)
        if reason:
            why = reason if address == target.host else f"{target.host} resolves to {reason.replace(' is ', ', ', 1)}"
            raise ProbeError("denied", f"{why}: refused; list its network in allowed_networks if you mean it")
    return found


def _look_up(target: Url, seconds: float) -> tuple[str, ...]:
    """getaddrinfo may block far beyond any deadline, so it runs beside us and is left behind."""
    answer: list[t.Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        raise ProbeError("dns", f"the name {target.host} was not resolved within {seconds:.3g} s")
    if isinstance(answer[0], Exception):
        raise ProbeError("dns", f"the name {target.host} cannot be resolved: {shown(answer[0])}")
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in answer[0]))


def tls_context(target: Url, ca_cert: str | None, verify: bool) -> ssl.SSLContext | None:
    """Made once a run: it loads the CA store."""
    if target.scheme != "https":
        return None
    try:
        context = ssl.create_default_context(cafile=ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise Error(f"endpoint_ca_cert {ca_cert} cannot be loaded: {error}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclasses.dataclass(frozen=True)
class PortForward:
    """A pod's port through the API server: needs no route into the cluster, and chooses the pod."""

    client: Client
    namespace: str
    pod: str
    port: int
    prefix: str = ""
    headers: t.Sequence[tuple[str, str]] = ()
    carries_key: bool = True

    @property
    def where(self) -> str:
        return f"pod {self.namespace}/{self.pod}"

    @property
    def authority(self) -> str:
        return f"localhost:{self.port}"

    def dial(self, seconds: float) -> ForwardedPort:
        try:
            return forward(self.client, self.namespace, self.pod, self.port, seconds)
        except ForwardError as error:
            raise TransportLost(str(error)) if isinstance(error, ForwardBroken) else UnknownError(str(error), code=error.code) from error

    def vet(self, status: int, body: bytes) -> None:
        """Nothing is in between: every answer is the endpoint's."""


@dataclasses.dataclass(frozen=True)
class ServiceProxy:
    """A Service through the API server's own proxy. That server takes the Authorization header for itself, so no key gets through."""

    client: Client
    namespace: str
    service: str
    port: str
    pod: str = ""
    carries_key: bool = False

    @property
    def where(self) -> str:
        return f"Service {self.namespace}/{self.service} through the API server's proxy"

    @property
    def authority(self) -> str:
        return urllib.parse.urlsplit(self.client.connection.host).netloc

    @property
    def prefix(self) -> str:
        base = urllib.parse.urlsplit(self.client.connection.host).path.rstrip("/")
        return f"{base}/api/v1/namespaces/{self.namespace}/services/{self.service}:{self.port}/proxy"

    @property
    def headers(self) -> t.Sequence[tuple[str, str]]:
        return self.client.connection.headers()

    def dial(self, seconds: float) -> socket.socket:
        try:
            return self.client.dial(seconds)
        except OSError as error:
            raise UnknownError(f"the API server at {self.client.connection.host} cannot be reached: {shown(error)}", code="api_unreachable") from error

    def vet(self, status: int, body: bytes) -> None:
        """What the API server itself answers, about the Service, the permission, or pods that it does not reach."""
        if status < 400 or b'"Status"' not in body:
            return
        try:
            answered = json.loads(body)
        except (ValueError, RecursionError):
            return
        if isinstance(answered, dict) and answered.get("kind") == "Status":
            hint = "; the user needs get and create on services/proxy in this namespace" if status == 403 else ""
            code = "forbidden" if status == 403 else ""
            what = f"Service {self.namespace}/{self.service}"
            raise UnknownError(f"the API server answers {status} for {what}: {shown(answered.get('message'))}{hint}", code=code)


@dataclasses.dataclass(frozen=True)
class Proxied:
    """A URL through an HTTP proxy that was asked for; it is the proxy that resolves the name."""

    target: Url
    proxy: Url
    tls: ssl.SSLContext | None = None
    pod: str = ""
    headers: t.Sequence[tuple[str, str]] = ()
    carries_key: bool = True

    @property
    def where(self) -> str:
        return f"{self.target.text} through proxy {self.proxy.authority}"

    @property
    def authority(self) -> str:
        return self.target.authority

    @property
    def prefix(self) -> str:
        """A proxy is given the whole URL; a tunnel is not."""
        return self.target.path if self.tls else self.target.text

    def dial(self, seconds: float) -> socket.socket:
        if self.tls is None:
            return socket.create_connection((self.proxy.host, self.proxy.port), seconds)
        return dial(self.target.host, self.target.port, seconds, tls=self.tls, by=Proxy(self.proxy.host, self.proxy.port))

    def vet(self, status: int, body: bytes) -> None:
        """Nothing is in between: every answer is the endpoint's."""
