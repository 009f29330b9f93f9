"""Reads what a decision needs, and keeps it for a moment: a change is followed within that moment."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.parse

from .._client import Client, NotFound
from ._resolve import Backend, Refused, Source, World, admit, backends, is_address, reach, service_of

SECONDS = 0.5
PLURALS = {
    "services": "/api/v1/namespaces/{}/services",
    "slices": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "pods": "/api/v1/namespaces/{}/pods",
    "policies": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "forwards": "/apis/kwok.x-k8s.io/v1alpha1/namespaces/{}/portforwards",
}


class Names:
    """Thread-safe. ``find`` gives the address of a process, in turn among those that are ready."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._worlds: dict[str, tuple[float, World]] = {}
        self._sources: dict[str, tuple[float, Source]] = {}
        self._turn = 0

    def find(self, host: str, port: int, namespace: str) -> tuple[str, int]:
        with self._lock:
            place, candidates = self._candidates(host, port)
            world = self._world(place)
            backend = candidates[self._turn % len(candidates)]
            self._turn += 1
            admit(world, backend, self._source(namespace))
            return reach(world, backend)

    def _candidates(self, host: str, port: int) -> tuple[str, list[Backend]]:
        named = service_of(host)
        if named:
            service, namespace = named
            return namespace, backends(self._world(namespace), service, port)
        if is_address(host):
            pods = self._api.items("/api/v1/pods", {"fieldSelector": f"status.podIP={host},status.phase=Running"})
            if pods:
                return pods[0]["metadata"]["namespace"], [Backend(pods[0]["metadata"]["name"], port)]
        raise Refused(502, f"{host} is no name of the lab's cluster, such as llama-3-8b-staging.staging.svc.cluster.local, and no pod's address.")

    def _world(self, namespace: str) -> World:
        moment, world = self._worlds.get(namespace, (0.0, None))
        if world is None or time.monotonic() - moment > SECONDS:
            place = urllib.parse.quote(namespace)
            world = World(**{kind: self._api.items(path.format(place)) for kind, path in PLURALS.items()})
            self._worlds[namespace] = (time.monotonic(), world)
        return world

    def _source(self, namespace: str) -> Source:
        moment, source = self._sources.get(namespace, (0.0, None))
        if source is None or time.monotonic() - moment > SECONDS:
            labels = {"kubernetes.io/metadata.name": namespace}
            # A router's namespace that is not in the lab is known by its name alone.
            with contextlib.suppress(NotFound):
                labels |= self._api.get(f"/api/v1/namespaces/{urllib.parse.quote(namespace)}")["metadata"].get("labels") or {}
            source = Source(namespace, labels)
            self._sources[namespace] = (time.monotonic(), source)
        return source
