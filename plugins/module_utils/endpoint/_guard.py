# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which addresses a prober may connect to: decided from the URL, and again from what its name resolves to.

A URL in an inventory or a survey is somebody's input. Without this it reads cloud metadata with our network position.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t
import urllib.parse

from .._errors import InputError

IPAddress: t.TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Networks: t.TypeAlias = "t.Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]"

# Metadata services outside the link-local ranges: AWS over IPv6, Alibaba Cloud, Oracle Cloud.
_METADATA: Networks = tuple(ipaddress.ip_network(net) for net in ("fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32"))
# Addresses that carry an IPv4 address in their last 32 bits.
_TRANSLATED: Networks = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/96", "::/96"))
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}")


@dataclasses.dataclass(frozen=True)
class Url:
    """Where a URL points, before its name was resolved."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def text(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse(url: str) -> Url:
    """The target of ``url``; refuses everything but a plain http or https address."""
    if not url.isascii() or any(character <= " " or character == "\x7f" or character == "\\" for character in url):
        raise InputError(f"url {url[:200]!a} contains spaces, control characters or characters outside ASCII; write the name's punycode form")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"url {url[:200]!a} cannot be read: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise InputError(f"url must begin with http:// or https://, not {url.partition(':')[0][:50]!a}:")
    if "@" in parts.netloc:
        raise InputError("url must not carry a user name or password (user@host); give the key as endpoint_api_key")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise InputError(f"url {url[:200]!a} must end with the path, without ? or #")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or host.strip(".") == "":
        raise InputError(f"url {url[:200]!a} has no host name that can be looked up")
    return Url(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/"))


def networks(given: t.Sequence[str]) -> Networks:
    """The option ``allowed_networks`` as networks."""
    try:
        return tuple(ipaddress.ip_network(item) for item in given)
    except ValueError as error:
        raise InputError(f"allowed_networks: {error}; write networks as 127.0.0.0/8 or ::1/128") from error


def refusal(address: str, allowed: Networks = ()) -> str:
    """Why ``address`` (resolved, numeric) may not be connected to; empty when it may."""
    seen = ipaddress.ip_address(address.partition("%")[0])
    for meant in _meant(seen):
        reason = _reason(meant)
        if reason and not any(meant in net or seen in net for net in allowed):
            return f"{address} is {reason}"
    return ""


def _meant(address: IPAddress) -> tuple[IPAddress, ...]:
    """The address and the IPv4 address inside it, if it carries one: the kernel or a gateway sends there."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner = [address.ipv4_mapped, address.sixtofour]
    if address.teredo:
        inner.append(address.teredo[1])
    if any(address in net for net in _TRANSLATED) and int(address) > 1:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *(found for found in inner if found is not None))


def _reason(address: IPAddress) -> str:
    if any(address in net for net in _METADATA):
        return "a metadata service"
    if address.is_unspecified or (isinstance(address, ipaddress.IPv4Address) and int(address) >> 24 == 0):
        return "the unspecified address, which means this machine"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address (metadata services live there)"
    if address.is_multicast:
        return "a multicast address"
    if address.version == 4 and address.is_reserved:
        return "a reserved address"
    return ""
