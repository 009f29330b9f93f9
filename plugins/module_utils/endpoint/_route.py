# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From the module's options to the servers that are verified."""

from __future__ import annotations

import dataclasses
import typing as t

from .._deadline import Deadline
from ..cluster._client import Client
from ..cluster._connection import connect
from ..cluster._options import with_environment
from . import _guard, _options, _pods
from ._http import Way
from ._pods import Place
from ._ways import Direct, PortForward, tls_context

Params = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Route:
    """``ways`` has one entry a server, ``where`` names them all for a sentence."""

    way: str
    where: str
    ways: tuple[Way, ...]


def find(params: Params, deadline: Deadline) -> Route:
    """Raises InputError for options that cannot be right, UnknownError and the client's errors when the pods cannot be had."""
    return _FINDERS[params["way"]](params, deadline)


def _direct(params: Params, _deadline: Deadline) -> Route:
    target = _options.target(params)
    tls = tls_context(target, params["endpoint_ca_cert"], params["endpoint_validate_certs"])
    way = Direct(target, _guard.networks(params["allowed_networks"]), tls)
    return Route("direct", way.where, (way,))


def _port_forward(params: Params, deadline: Deadline) -> Route:
    place = _options.place(params)
    client = Client(connect(with_environment(params)), deadline)
    pods = _pods.find(client, place)
    ways = tuple(PortForward(client, place.namespace, pod.name, pod.port) for pod in pods)
    return Route("port_forward", _where(place, pods), ways)


def _where(place: Place, pods: t.Sequence[_pods.Pod]) -> str:
    if len(pods) == 1:
        return f"pod {place.namespace}/{pods[0].name}"
    return f"{len(pods)} {'new ' if place.new_only else ''}pods of {place.namespace}/{place.deployment or place.service}"


_FINDERS: dict[str, t.Callable[[Params, Deadline], Route]] = {"direct": _direct, "port_forward": _port_forward}
