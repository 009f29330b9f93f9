"""Does each part answer? Asked over verified TLS, as a client of that part would."""

from __future__ import annotations

import http.client
import pathlib

from . import _postgres
from ._api import healthz, trust
from ._optional import NAMES, PROMETHEUS
from ._parts import KUBELET, Lab, process

ROUTES = {"kube-apiserver": "/readyz", "kube-controller-manager": "/healthz", "kube-scheduler": "/readyz", "kwok": "/healthz"}


# Without TLS, on loopback: route and the status that a well part answers. To its own name the proxy can only say that it is a proxy.
PLAIN = {NAMES: ("/", 400), PROMETHEUS: ("/-/ready", 200)}


def trouble(lab: Lab, part: str) -> str | None:
    """None when ``part`` runs and answers; else what was seen."""
    found = process(lab.layout, part)
    if found is None or not found.alive():
        return "not running"
    if part == "postgres":
        return _database(lab)
    if part == KUBELET:
        return _held(lab.layout.state / "kubelet.lock")
    if part in PLAIN:
        return _answers(lab.port(part), *PLAIN[part])
    if part == "etcd":
        return healthz(lab.port("etcd"), "/readyz", trust(lab.layout, authority="etcd-ca", identity="etcd-client"))
    return healthz(lab.port(part), ROUTES[part], trust(lab.layout, identity="admin"))


def _answers(port: int, route: str, status: int) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", route)
        seen = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if seen == status else f"HTTP {seen} on {route}"


def _held(lock: pathlib.Path) -> str | None:
    """The kubelet holds this lock as long as it works. Only looked at: whoever tries a lock, even for a moment, can make its owner fail."""
    try:
        inode = str(lock.stat().st_ino)
    except FileNotFoundError:
        return "starting"
    rows = [line.split() for line in pathlib.Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    return None if any(row[1] == "FLOCK" and row[5].rpartition(":")[2] == inode for row in rows) else "starting"


def _database(lab: Lab) -> str | None:
    import psycopg

    try:
        with _postgres.connect(lab.state, "postgres", database="postgres", seconds=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return None
