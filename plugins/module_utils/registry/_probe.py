# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks an entry's endpoint for a short completion, by the way that the entry allows; what cannot be found out is inconclusive."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError, InputError
from ..cluster._client import ApiError, Client, NotFound, Unreachable
from ..cluster._connection import connect
from ..cluster._errors import ConnectionConfigError
from ..cluster._options import kubernetes_options, with_environment
from ..endpoint import _finding, _options, _route
from ..endpoint._errors import ProbeError, UnknownError
from ..endpoint._finding import Finding
from ..endpoint._verify import verify
from ._health_policy import Probed
from ._row import Row

Params = t.Mapping[str, t.Any]

#: With these codes nobody knows whether the endpoint or our access to it is to blame.
_UNCERTAIN = ("dns", "address_denied", "key_refused")
#: Of the cluster's options those whose names the database's have not; the others come by K8S_AUTH_*.
_CLUSTER = ("kubeconfig", "context")
_SHARED = ("endpoint_api_key", "endpoint_ca_cert", "endpoint_validate_certs", "allowed_networks", "http_proxy", "max_tokens", "prompt", "request_timeout")


@dataclasses.dataclass(frozen=True)
class ProbeSubject:
    """What is probed: a release's pods where ``release`` is known, else the URL."""

    model: str
    endpoint: str
    namespace: str = ""
    release: str = ""
    kind: str = ""


def probe_options() -> dict[str, dict[str, t.Any]]:
    """Options of the modules that probe, beside those of the registry and the cluster."""
    known, cluster = _options.endpoint_options(), kubernetes_options()
    return {
        **{name: cluster[name] for name in _CLUSTER},
        "via": {"type": "str", "choices": ["auto", "direct", "port_forward"], "default": "auto"},
        **{name: known[name] for name in _SHARED if name != "request_timeout"},
        "request_timeout": {"type": "float", "default": 15.0},
        "kinds": {"type": "dict", "default": {}},
        "attempts": {"type": "int", "default": 1},
        "pause": {"type": "float", "default": 5.0},
        "probe_concurrency": {"type": "int", "default": 8},
    }


def api(params: Params, deadline: Deadline) -> Client:
    """A client of the cluster that the options or K8S_AUTH_* name."""
    return Client(connect(with_environment({name: params[name] for name in _CLUSTER})), deadline)


def of_entry(entry: Row) -> ProbeSubject:
    return ProbeSubject(
        entry["model_name"],
        entry["deployment_endpoint"],
        entry["deployment_namespace"] or "",
        entry["deployment_release"] or "",
        entry["deployment_kind"] or "",
    )


def probe_all(subjects: t.Sequence[ProbeSubject], params: Params) -> list[Probed]:
    """In the order of ``subjects``; each is tried ``attempts`` times until it passes."""
    with concurrent.futures.ThreadPoolExecutor(max(1, min(params["probe_concurrency"], len(subjects) or 1))) as pool:
        return list(pool.map(lambda subject: probe(subject, params), subjects))


def probe(subject: ProbeSubject, params: Params) -> Probed:
    failures = 0
    while True:
        found = _once(subject, params)
        if found.verdict == "pass":
            return Probed("pass", found.message)
        if found.verdict == "fail":
            failures += 1
        if failures >= params["attempts"] or found.verdict == "inconclusive":
            if found.verdict != "fail":
                return Probed("inconclusive", found.message, failures, code="not_probed")
            return Probed("fail", found.message, failures, code="no_ready_pod" if found.code == "no_pods" else "endpoint_failed")
        time.sleep(params["pause"])


def _once(subject: ProbeSubject, params: Params) -> Finding:
    deadline = Deadline(params["request_timeout"] * 2)
    asked = _asked(subject, params)
    try:
        if asked["via"] == "port_forward":
            nothing = _nothing_runs(subject, asked, deadline)
            if nothing:
                return _finding.failed(nothing, code="no_pods")
        found = verify(_route.find(asked, deadline).transports, _options.plan(asked), deadline).findings
    except ProbeError as error:
        found = [_finding.of_error(error)]
    except (InputError, UnknownError, DeadlineError, ApiError, Unreachable, ConnectionConfigError) as error:
        return _finding.of_error(error)
    worst = next((finding for verdict in ("fail", "inconclusive") for finding in found if finding.verdict == verdict), None)
    if worst is None:
        return found[-1]
    return dataclasses.replace(worst, verdict="inconclusive") if worst.code in _UNCERTAIN else worst


def _nothing_runs(subject: ProbeSubject, asked: Params, deadline: Deadline) -> str:
    """Why no pod can answer, when that is certain."""
    client = api(asked, deadline)
    where = f"Deployment {subject.namespace}/{subject.release}"
    try:
        deployment = client.get(f"/apis/apps/v1/namespaces/{subject.namespace}/deployments/{subject.release}")
    except NotFound:
        return f"{where} does not exist"
    ready, wanted = (deployment.get("status") or {}).get("readyReplicas") or 0, deployment["spec"].get("replicas", 1)
    return "" if ready else f"{where} has no ready pod ({wanted} wanted)"


def _asked(subject: ProbeSubject, params: Params) -> dict[str, t.Any]:
    """The options of an endpoint's verification with all but a short completion left out."""
    known = {name: option.get("default") for name, option in _options.endpoint_options().items()}
    # What was registered goes before what the inventory says today.
    kind = subject.kind or params["kinds"].get(subject.model) or "chat"
    by_pods = params["via"] == "port_forward" or (params["via"] == "auto" and bool(subject.release and subject.namespace))
    return {
        **known,
        **{name: params[name] for name in (*_SHARED, *_CLUSTER)},
        "model": subject.model,
        "kind": kind,
        "checks": ["models", kind],
        "samples": 0,
        "via": "port_forward" if by_pods else "direct",
        "url": subject.endpoint if subject.endpoint.startswith(("http://", "https://")) else f"http://{subject.endpoint}",
        "namespace": subject.namespace,
        "deployment": subject.release,
    }
