# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A connected socket: straight or through an HTTP proxy, plain or with TLS."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import socket
import ssl
import time
import urllib.parse

from ._message import head
from ._wire import Wire

#: What a proxy may answer to CONNECT, in bytes.
_PROXY_CAP = 65536


@dataclasses.dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that opens tunnels. ``authorization`` is the value of the Proxy-Authorization header."""

    host: str
    port: int
    authorization: str = dataclasses.field(default="", repr=False)


def proxy(url: str) -> Proxy:
    """``http://[user:password@]host[:port]``; raises ValueError for any other, whose reason never repeats the password."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a proxy of the kind {parts.scheme or '(none)'!r} is not supported, only http://host:port")
    user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    authorization = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if parts.username else ""
    return Proxy(parts.hostname, parts.port or 80, authorization)


def dial(host: str, port: int, seconds: float, *, tls: ssl.SSLContext | None = None, server_name: str | None = None, by: Proxy | None = None) -> socket.socket:
    """Raises OSError. ``server_name`` is the name that the certificate carries, where it is another than ``host``."""
    until = time.perf_counter() + seconds
    opened = socket.create_connection((by.host, by.port) if by else (host, port), seconds)
    try:
        # A request is sent in one piece; what follows it (a websocket's frames) must not wait for an acknowledgement either.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if by:
            _tunnel(opened, by, host, port, until)
        opened.settimeout(max(0.001, until - time.perf_counter()))
        return tls.wrap_socket(opened, server_hostname=server_name or host) if tls else opened
    except BaseException:
        opened.close()
        raise


def _tunnel(opened: socket.socket, by: Proxy, host: str, port: int, until: float) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", authority), *([("Proxy-Authorization", by.authorization)] if by.authorization else [])]
    wire = Wire(opened)
    wire.begin(until, _PROXY_CAP)
    wire.sendall(head("CONNECT", authority, headers))
    # Nothing comes behind this head before we say something, so that nothing is lost in its buffer.
    try:
        response = wire.answer("CONNECT")
    except http.client.HTTPException as error:
        raise ConnectionError(f"the proxy {by.host}:{by.port} does not answer CONNECT as HTTP: {error!r}") from error
    if response.status != http.client.OK:
        raise OSError(f"the proxy {by.host}:{by.port} opens no tunnel to {authority}: HTTP {response.status} {response.reason[:80]}")
