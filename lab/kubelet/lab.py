"""What all pods of this kubelet share: the API server, the nodes, the events, the addresses."""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import pathlib
import typing as t

from .api import Api
from .events import Recorder
from .network import Addresses
from .types import Json, Options

T = t.TypeVar("T")
ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Node:
    """``connected``: False while the cluster calls the node's state unknown; then nothing comes from it and nothing reaches it."""

    name: str
    host_ip: str = "127.0.0.1"
    allocatable: Json = dataclasses.field(default_factory=dict)
    connected: bool = True
    images: set[str] = dataclasses.field(default_factory=set)

    def take(self, item: Json) -> None:
        status = item.get("status") or {}
        self.allocatable = status.get("allocatable") or {}
        addresses = [a["address"] for a in status.get("addresses") or [] if a["type"] == "InternalIP"]
        self.host_ip = addresses[0] if addresses else "127.0.0.1"
        self.connected = not any(c["type"] == "Ready" and c["status"] == "Unknown" for c in status.get("conditions") or [])


class Lab:
    def __init__(self, api: Api, options: Options) -> None:
        self.api = api
        self.options = options
        self.addresses = Addresses()
        self.nodes: dict[str, Node] = {}
        self.recorder = Recorder(api, self.call, lambda pod: self.node(pod).connected)

    async def call(self, function: collections.abc.Callable[..., T], *arguments: t.Any) -> T:
        """A request, in a thread."""
        return await asyncio.to_thread(function, *arguments)

    def node(self, pod: Json) -> Node:
        name = pod["spec"]["nodeName"]
        return self.nodes.setdefault(name, Node(name))


def pod_path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def pod_text(pod: Json) -> str:
    """As the kubelet's messages name a pod."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
