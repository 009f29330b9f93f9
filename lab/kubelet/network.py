"""Addresses of pods and ports of containers. All pods share the machine's loopback, so each container port has a port of its own there."""

from __future__ import annotations

import contextlib
import random
import socket

from .types import Json

# Below the range from which the kernel takes ports for outgoing connections, above what well-known programs use.
FIRST, LAST = 12000, 32000


class Addresses:
    """Hands out what is free. The address is a fiction that nothing listens on: Endpoints refuse loopback."""

    def __init__(self) -> None:
        self._ips: set[str] = set()
        self._ports: set[int] = set()

    def take(self, ip: str, ports: list[int]) -> None:
        """What a living pod has already."""
        self._ips.add(ip)
        self._ports |= set(ports)

    def release(self, ip: str, ports: list[int]) -> None:
        self._ips.discard(ip)
        self._ports -= set(ports)

    def ip(self) -> str:
        while True:
            ip = f"10.244.{random.randrange(256)}.{random.randrange(2, 255)}"
            if ip not in self._ips:
                self._ips.add(ip)
                return ip

    def port(self) -> int:
        for _attempt in range(1000):
            port = random.randrange(FIRST, LAST)
            if port not in self._ports and _free(port):
                self._ports.add(port)
                return port
        raise OSError(f"no free port on 127.0.0.1 between {FIRST} and {LAST}")


def _free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def container_ports(spec: Json) -> list[int]:
    """Every TCP port that the pod declares or that a probe or hook of it names."""
    found: dict[int, None] = {}
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        for port in container.get("ports") or []:
            if (port.get("protocol") or "TCP") == "TCP":
                found[int(port["containerPort"])] = None
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")]
        for handler in [*handlers, lifecycle.get("preStop"), lifecycle.get("postStart")]:
            for action in ("httpGet", "tcpSocket"):
                named = ((handler or {}).get(action) or {}).get("port")
                if isinstance(named, int):
                    found[named] = None
    return list(found)


def resolve(port: int | str, container: Json) -> int:
    """A port by number or by its name in the container. ValueError when there is none."""
    if isinstance(port, int):
        return port
    for known in container.get("ports") or []:
        if known.get("name") == port:
            return int(known["containerPort"])
    if str(port).isdigit():
        return int(port)
    raise ValueError(f"couldn't find port: {port}")
