# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at a release: from values and history to the plan that a deploy follows. Reads only."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .._errors import InputError
from ..bundle import _bundle, _chart
from ..cluster._client import Client
from . import _guard, _history, _manifest, _plan, _preflight

Values = dict[str, t.Any]


class Renderer(t.Protocol):
    """What a plan asks of the helm program; only the controller's plugins start it."""

    def version(self) -> tuple[int, int, int]: ...

    def template(self, release: str, namespace: str, chart: str, values: dict[str, t.Any], *, kube_version: str, upgrade: bool) -> str: ...


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user wants deployed. ``revision`` may be empty: then the bundle's short digest names it."""

    name: str
    namespace: str
    chart_ref: str
    values: Values
    values_files: tuple[str, ...] = ()
    revision: str = ""
    strategy: str = "auto"


def refuse_bad_input(request: Request) -> None:
    """All that needs neither cluster nor Helm; raises InputError."""
    _guard.check_names(request.name, request.namespace, request.revision)
    if request.chart_ref.startswith(("oci://", "http://", "https://")):
        raise InputError(
            f"chart {request.chart_ref} is remote: pull it first (helm pull --untar) and name its folder, so that its digest can be part of the bundle"
        )


def look(client: Client, helm: Renderer, request: Request) -> dict[str, t.Any]:
    """The result of M(inference.vllm.vllm_release_plan), as its RETURN documents it."""
    helm_version = helm.version()
    _guard.check_helm(helm_version)
    chart = _chart.read(request.chart_ref)
    given = _given(request)
    kube_version = _preflight.kube_version(client)
    _preflight.check(client, request.namespace, request.name, _guard.secret_references(_bundle.merge(chart.defaults, given)))

    history = _history.read(client, request.namespace, request.name)
    live = _history.deployed(history)
    values, bundle = complete(request, chart, given, live)
    manifest = helm.template(request.name, request.namespace, request.chart_ref, values, kube_version=kube_version, upgrade=live is not None)
    plan = _plan.decide(history, manifest, values)
    before = live.manifest if live else ""
    newest = _history.latest(history)
    return {
        **dataclasses.asdict(plan),
        "name": request.name,
        "namespace": request.namespace,
        "revision": values["release"]["revision"],
        "bundle": bundle.digest,
        "bundle_content": bundle.content,
        "changes": _manifest.summary(before, manifest),
        "plan_diff": _manifest.difference(before, manifest),
        "chart_ref": os.path.abspath(request.chart_ref),
        "release_values": values,
        "release_revision": live.number if live else 0,
        "newest_revision": newest.number if newest else 0,
        "workload": workload(manifest, request.name),
        "helm_version": ".".join(map(str, helm_version)),
        "kube_version": kube_version,
    }


def complete(request: Request, chart: _bundle.Chart, given: Values, live: _history.Revision | None) -> tuple[Values, _bundle.Bundle]:
    """The values that go to Helm: with the strategy decided and the bundle named."""
    strategy = request.strategy if request.strategy != "auto" else _live_strategy(live)
    bundle = _bundle.make(chart, given)
    owned: Values = {"rollout": {"strategy": strategy}, "release": {"revision": request.revision or bundle.short, "bundle": bundle.digest}}
    return _bundle.merge(given, owned), bundle


def workload(manifest: str, name: str) -> dict[str, t.Any]:
    """What capacity and the rollout wait need of the rendered Deployment; raises InputError when the chart renders none."""
    deployment = _manifest.find(manifest, "Deployment", name)
    if deployment is None:
        raise InputError(f"the chart renders no Deployment {name}; its objects must carry the release's name")
    spec = deployment["spec"]
    return {
        "replicas": spec.get("replicas", 1),
        "strategy": spec.get("strategy") or {"type": "RollingUpdate"},
        "selector": spec["selector"]["matchLabels"],
        "pod_template": spec["template"],
        "progress_deadline_seconds": spec.get("progressDeadlineSeconds", 600),
    }


def _given(request: Request) -> Values:
    merged: Values = {}
    for path in request.values_files:
        merged = _bundle.merge(merged, _chart.read_values(path))
    return _bundle.merge(merged, request.values)


def _live_strategy(live: _history.Revision | None) -> str:
    """``auto`` keeps what is deployed: capacity is asked only when something changes, and may then choose anew."""
    known = (live.values.get("rollout") or {}).get("strategy") if live else None
    return known or "RollingUpdate"
