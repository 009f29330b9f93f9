# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From the module's options to the servers that are verified."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .._deadline import Deadline
from .._errors import InputError
from ..cluster._client import ApiError, Client, Unreachable
from ..cluster._connection import connect
from ..cluster._errors import ConnectionConfigError
from ..cluster._options import with_environment
from . import _guard, _options, _pods
from ._errors import ProbeError, UnknownError
from ._guard import Url
from ._http import HttpSession, Transport
from ._pods import Place
from ._transports import Direct, PortForward, Proxied, ServiceProxy, tls_context

Params = t.Mapping[str, t.Any]
Json = dict[str, t.Any]


def _never() -> bool:
    """What no Deployment selected has no newest ReplicaSet."""
    return False


@dataclasses.dataclass(frozen=True)
class Route:
    """The servers, and what is known of them.

    ``transports`` has one entry a server, ``where`` names them all for a sentence, ``subject`` for machines; ``gone`` lists the pods that have left
    since, ``superseded`` says whether the pods that were chosen as the newest no longer are.
    """

    via: str
    where: str
    transports: tuple[Transport, ...]
    gone: t.Callable[[], list[str]] = list
    subject: Json = dataclasses.field(default_factory=dict)
    superseded: t.Callable[[], bool] = _never


def find(params: Params, deadline: Deadline) -> Route:
    """Raises InputError for options that cannot be right, UnknownError and the client's errors when the pods cannot be had."""
    return _FINDERS[params["via"]](params, deadline)


def reference(params: Params) -> HttpSession | None:
    """The endpoint that golden prompts are compared with, guarded as any other URL."""
    if not params["reference_url"]:
        return None
    return HttpSession(_url(params, _options.base(params["reference_url"])), params["reference_api_key"] or "")


def _direct(params: Params, _deadline: Deadline) -> Route:
    target = _options.target(params)
    transport = _url(params, target)
    return Route(params["via"], transport.where, (transport,), subject={"url": target.text})


def _url(params: Params, target: Url) -> Transport:
    tls = tls_context(target, params["endpoint_ca_cert"], params["endpoint_validate_certs"])
    if params["http_proxy"]:
        return Proxied(target, _guard.parse(params["http_proxy"]), tls)
    return Direct(target, _guard.networks(params["allowed_networks"]), tls)


def _port_forward(params: Params, deadline: Deadline) -> Route:
    place = _options.place(params)
    client = Client(connect(with_environment(params)), deadline)
    found = _pods.find(client, place)
    transports = tuple(PortForward(client, place.namespace, pod.name, pod.port) for pod in found.pods)
    # A pod that was asked for by name has no successor.
    gone = list if place.pod else functools.partial(_pods.gone, client, place.namespace, [pod.name for pod in found.pods])
    superseded = functools.partial(_pods.superseded, client, found.deployment) if place.new_only and found.deployment else _never
    return Route("port_forward", _where(place, found.pods), transports, gone, found.subject, superseded)


def _service_proxy(params: Params, deadline: Deadline) -> Route:
    place = _options.place(params)
    if not place.service:
        raise InputError("via: service_proxy needs service")
    client = Client(connect(with_environment(params)), deadline)
    transport = ServiceProxy(client, place.namespace, place.service, place.port)
    return Route("service_proxy", transport.where, (transport,), subject=_pods.behind(client, place))


def _auto(params: Params, deadline: Deadline) -> Route:
    """The first transport that opens a connection, from the one that shows each pod to the one that needs nothing."""
    tried: list[str] = []
    for name in _usable(params):
        try:
            route = _FINDERS[name]({**params, "via": name}, deadline)
            for transport in route.transports:
                transport.dial(deadline.limit(params["request_timeout"], f"a connection via {name}")).close()
        except (ProbeError, UnknownError, ApiError, Unreachable, ConnectionConfigError, OSError) as error:
            tried.append(f"{name}: {error}")
        else:
            return route
    raise UnknownError(f"the endpoint cannot be reached; {'; '.join(tried)}")


def _usable(params: Params) -> list[str]:
    """Those whose options were given; raises InputError when there are none."""
    names = []
    if params["namespace"] and (params["service"] or params["deployment"] or params["pod"]):
        names.append("port_forward")
    if params["namespace"] and params["service"]:
        names.append("service_proxy")
    if params["url"]:
        names.append("direct")
    if not names:
        raise InputError("via: auto needs url, or namespace with service, deployment or pod")
    return names


def _where(place: Place, pods: t.Sequence[_pods.VerifiedPod]) -> str:
    if len(pods) == 1:
        return f"pod {place.namespace}/{pods[0].name}"
    return f"{len(pods)} {'new ' if place.new_only else ''}pods of {place.namespace}/{place.deployment or place.service}"


_FINDERS: dict[str, t.Callable[[Params, Deadline], Route]] = {
    "auto": _auto,
    "direct": _direct,
    "port_forward": _port_forward,
    "router": _direct,
    "service_proxy": _service_proxy,
}
