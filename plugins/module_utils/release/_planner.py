# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at a release, and the one plan that a run follows. Reads only."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import typing as t

from .._errors import InputError
from ..bundle import _bundle, _chart
from ..bundle._bundle import Values
from ..change import _names, _where
from ..change._plan import Plan, Workload
from ..cluster._client import Client
from . import _autoscaler, _decide, _guard, _history, _live, _manifest
from ._guard import SecretReference
from ._live import Live
from ._manifest import Object, Objects

AT_ONCE = 6


class Renderer(t.Protocol):
    """What a plan asks of the helm program."""

    def version(self) -> tuple[int, int, int]: ...

    def template(self, release: str, namespace: str, chart: str, values: Values, *, kube_version: str, upgrade: bool) -> str: ...


@dataclasses.dataclass(frozen=True)
class ReleaseRequest:
    """What the user wants deployed. ``revision`` may be empty: then the bundle's short digest names it. ``autoscaled`` leaves replicas out."""

    name: str
    namespace: str
    chart_ref: str
    values: Values
    values_files: tuple[str, ...] = ()
    revision: str = ""
    strategy: str = "auto"
    kind: str = "chat"
    autoscaled: bool = False
    fix_drift: bool = True


@dataclasses.dataclass(frozen=True)
class Look:
    """The plan and what it was made from. ``deployment`` is the live one, ``autoscaler`` who owns the replicas, ``notes`` what could not be compared."""

    plan: Plan
    history: tuple[_history.Revision, ...]
    live: Live
    rendered: Objects
    deployment: Object | None
    autoscaler: str
    helm_version: tuple[int, int, int]
    kube_version: str

    @property
    def notes(self) -> tuple[str, ...]:
        return self.live.notes


@dataclasses.dataclass(frozen=True)
class _Facts:
    """What does not depend on the strategy, read once."""

    chart: _bundle.Chart
    given: Values
    history: tuple[_history.Revision, ...]
    deployment: Object | None
    autoscaler: str
    helm_version: tuple[int, int, int]
    kube_version: str


def refuse(request: ReleaseRequest) -> None:
    """All that needs neither cluster nor Helm; raises InputError."""
    _names.check_release(request.name)
    _names.check_namespace(request.namespace)
    _guard.check_revision(request.revision)
    if request.chart_ref.startswith(("oci://", "http://", "https://")):
        raise InputError(
            f"chart {request.chart_ref} is remote: pull it first (helm pull --untar) and name its folder, so that its digest can be part of the bundle",
            code="remote_chart",
        )


def given_values(request: ReleaseRequest) -> Values:
    """The values files, later ones over earlier ones, and the request's own values over them, as Helm will record them."""
    merged: Values = {}
    for path in request.values_files:
        merged = _bundle.merge(merged, _chart.read_values(path))
    return _bundle.normal(_bundle.merge(merged, request.values))


def secret_references(request: ReleaseRequest) -> list[SecretReference]:
    """The existing Secrets that the pods will read, by the chart's defaults and the values over them."""
    return _guard.secret_references(_bundle.merge(_chart.read(request.chart_ref).defaults, given_values(request)))


def chart_name(chart_ref: str) -> str:
    return _chart.read(chart_ref).name


def look(client: Client, helm: Renderer, request: ReleaseRequest, strategy: t.Callable[[Plan, Object | None], str] | None = None) -> Look:
    """``strategy`` decides from the plan how pods are replaced, when the request leaves it open; without it the live one is kept."""
    refuse(request)
    facts = _read(client, helm, request)
    live_strategy = ((facts.deployment or {}).get("spec") or {}).get("strategy", {}).get("type") or "RollingUpdate"
    first = request.strategy if request.strategy != "auto" else live_strategy
    found = _planned(client, helm, request, facts, first)
    if request.strategy == "auto" and strategy is not None:
        chosen = strategy(found.plan, facts.deployment)
        if chosen != first:
            found = _planned(client, helm, request, facts, chosen)
    return found


def _read(client: Client, helm: Renderer, request: ReleaseRequest) -> _Facts:
    chart = _chart.read(request.chart_ref)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        version = pool.submit(helm.version)
        kube = pool.submit(lambda: str(client.get("/version")["gitVersion"]))
        history = pool.submit(_history.read, client, request.namespace, request.name)
        deployment = pool.submit(_live.deployment, client, request.namespace, request.name)
        autoscaler = pool.submit(_autoscaler.find, client, request.namespace, request.name)
        helm_version = version.result()
        _guard.check_helm(helm_version)
        found = tuple(history.result())
        _decide.check_chart(found, chart.name, request.name, request.namespace)
        return _Facts(chart, given_values(request), found, deployment.result(), autoscaler.result(), helm_version, kube.result())


def _planned(client: Client, helm: Renderer, request: ReleaseRequest, facts: _Facts, strategy: str) -> Look:
    bundle = _bundle.make(facts.chart, facts.given)
    owned: Values = {"rollout": {"strategy": strategy}, "release": {"revision": request.revision or bundle.short, "bundle": bundle.digest}}
    if (request.autoscaled or facts.autoscaler) and facts.given.get("replicas") != 0 and _live_replicas(facts.deployment) != 0:
        owned["replicas"] = None  # none wanted, or none there that an autoscaler could multiply: then the number is ours
    values = _bundle.merge(facts.given, owned)
    deployed = _history.deployed(facts.history)
    text = helm.template(request.name, request.namespace, request.chart_ref, values, kube_version=facts.kube_version, upgrade=deployed is not None)
    rendered = _manifest.parse(text)
    before = _manifest.parse(deployed.manifest) if deployed else {}
    live = _live.look(client, rendered, request.namespace, before)
    drift = live.changes if request.fix_drift else ()
    decision = _decide.decide(facts.history, _manifest.changes(before, rendered), drift, _bundle.digest(values))
    newest = _history.latest(facts.history)
    plan = Plan(
        where=_where.rendered(rendered, request.name, request.namespace, kind=request.kind),
        bundle=bundle,
        revision=values["release"]["revision"],
        action=decision.action,
        code=decision.code,
        reason=decision.reason,
        changes=decision.changes,
        replaces_pods=decision.action != "none" and live.replaces_pods(request.name),
        values=values,
        chart_ref=os.path.abspath(request.chart_ref),
        workload=workload(rendered, request.name, facts.deployment),
        release_revision=deployed.number if deployed else 0,
        newest_revision=newest.number if newest else 0,
        forget=decision.forget,
        diff=_diff(before, rendered, live, decision),
    )
    return Look(plan, facts.history, live, rendered, facts.deployment, facts.autoscaler, facts.helm_version, facts.kube_version)


def _live_replicas(deployment: Object | None) -> int | None:
    return None if deployment is None else int(deployment["spec"].get("replicas", 1))


def workload(rendered: Objects, name: str, deployment: Object | None) -> Workload:
    spec = _where.deployment_of(rendered, name)["spec"]
    return Workload(
        replicas=spec.get("replicas"),
        live_replicas=_live_replicas(deployment),
        gpus=gpus(spec["template"]),
        template=spec["template"],
        selector=spec["selector"]["matchLabels"],
        strategy=spec.get("strategy") or {"type": "RollingUpdate"},
        deadline=int(spec.get("progressDeadlineSeconds", 600)),
    )


def gpus(template: Object) -> int:
    """Devices of one pod: limits of extended resources, whose names have a domain; huge pages and attached volumes have other prefixes."""
    total = 0
    for container in template["spec"]["containers"]:
        for name, amount in ((container.get("resources") or {}).get("limits") or {}).items():
            if "/" in name and str(amount).isdigit():
                total += int(amount)
    return total


def _diff(before: Objects, rendered: Objects, live: Live, decision: _decide.Decision) -> dict[str, str]:
    """Helm's record against the plan; where only the cluster differs, the cluster against the plan."""
    if decision.code != "drift":
        return _manifest.difference(before, rendered)
    touched = {(change.kind, change.name) for change in live.changes}
    there = {key: _manifest.shown(obj, rendered[key]) for key, obj in live.objects.items() if key in touched}
    wanted = {key: obj for key, obj in rendered.items() if key in touched}
    return {**_manifest.difference(there, wanted), "before_header": "live in the cluster"}
