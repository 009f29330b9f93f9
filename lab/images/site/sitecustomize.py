"""Gives Python programs of the lab's images the ports they think they have.

All pods share the machine's loopback. ``LAB_PORTS=8000=41234,...`` says which port of the machine stands for which port of the
container: a program that binds or connects to 8000 on its own host gets 41234 on 127.0.0.1, and knows nothing of it.
Python imports this module by itself, because the kubelet puts its folder on PYTHONPATH.
"""

from __future__ import annotations

import os
import socket
import typing as t

LOOPBACK = ("127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1")
ANY = ("", socket.inet_ntoa(bytes(4)), "::")


def ports(text: str) -> dict[int, int]:
    """``8000=41234,9000=41235`` as a mapping."""
    pairs = (pair.split("=") for pair in text.split(",") if "=" in pair)
    return {int(inside): int(outside) for inside, outside in pairs}


def bound(address: t.Any, known: dict[int, int], *, version6: bool, only6: bool) -> t.Any:
    """Where a bind goes: always to loopback, and to the machine's port that stands for the container's."""
    if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[1], int):
        return address
    host = "127.0.0.1" if not version6 else "::1" if only6 else "::ffff:127.0.0.1"
    return (host, known.get(address[1], address[1]), *address[2:])


def reached(address: t.Any, known: dict[int, int], own: str) -> t.Any:
    """Where a connection goes: to the pod's own ports by the same translation, elsewhere as it is."""
    if not isinstance(address, tuple) or len(address) < 2 or address[1] not in known:
        return address
    host = str(address[0])
    if host == own and own:
        return ("127.0.0.1", known[address[1]], *address[2:])
    return (host, known[address[1]], *address[2:]) if host in (*LOOPBACK, *ANY) else address


def install(known: dict[int, int], own: str) -> None:
    """``socket.socket`` is a Python class, so its methods can be replaced; asyncio and http.client go through it."""
    bind, connect, connect_ex = socket.socket.bind, socket.socket.connect, socket.socket.connect_ex

    def lab_bind(self: socket.socket, address: t.Any) -> None:
        version6 = self.family == socket.AF_INET6
        only6 = version6 and bool(self.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
        bind(self, bound(address, known, version6=version6, only6=only6))

    def lab_connect(self: socket.socket, address: t.Any) -> None:
        connect(self, reached(address, known, own))

    def lab_connect_ex(self: socket.socket, address: t.Any) -> int:
        return connect_ex(self, reached(address, known, own))

    for name, method in (("bind", lab_bind), ("connect", lab_connect), ("connect_ex", lab_connect_ex)):
        setattr(socket.socket, name, method)


if os.environ.get("LAB_PORTS"):
    install(ports(os.environ["LAB_PORTS"]), os.environ.get("LAB_POD_IP", ""))
