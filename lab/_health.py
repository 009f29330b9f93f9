"""Does each part answer? Asked over verified TLS, as a client of that part would."""

from __future__ import annotations

import psycopg

from . import _postgres
from ._api import healthz, trust
from ._parts import KUBELET, Lab, process

ROUTES = {"kube-apiserver": "/readyz", "kube-controller-manager": "/healthz", "kube-scheduler": "/readyz", "kwok": "/healthz"}


def trouble(lab: Lab, part: str) -> str | None:
    """None when ``part`` runs and answers; else what was seen."""
    found = process(lab.layout, part)
    if found is None or not found.alive():
        return "not running"
    if part == "postgres":
        return _database(lab)
    if part == KUBELET:
        return None
    if part == "etcd":
        return healthz(lab.port("etcd"), "/readyz", trust(lab.layout, authority="etcd-ca", identity="etcd-client"))
    return healthz(lab.port(part), ROUTES[part], trust(lab.layout, identity="admin"))


def _database(lab: Lab) -> str | None:
    try:
        with _postgres.connect(lab.state, "postgres", database="postgres", seconds=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return None
