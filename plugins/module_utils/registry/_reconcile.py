# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One reconciliation: reads the registry, the releases and what is live, probes, compares, and fixes what a rule fixes."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .._deadline import Deadline
from .._errors import Error, InputError
from .._spec import Context
from ..cluster._client import Client
from ..lock._module import of_release
from . import _probe, _releases
from ._change import change
from ._change import result as row_result
from ._database import Database
from ._differences import Difference, Release, World, differences, needed, place
from ._query import everything
from ._request import ENVIRONMENTS, request
from ._row import Row

Params = t.Mapping[str, t.Any]

OUTCOMES = ("fixed", "remaining", "inconclusive")
API_SECONDS = 60.0


def reconcile_options() -> dict[str, dict[str, t.Any]]:
    """Options of vllm_registry_reconcile beside those of the registry, the cluster and the probes."""
    strings: dict[str, t.Any] = {"type": "list", "elements": "str"}
    return {
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "namespaces": {**strings, "default": []},
        "model": strings,
        "charts": {**strings, "default": ["vllm-deployment"]},
        "releases": {"type": "bool", "default": True},
        "endpoints": {"type": "dict", "default": {}},
        "expected": strings,
        "fix": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "lock_wait_timeout": {"type": "int", "default": 150},
        "actor": {"type": "str"},
        "correlation_id": {"type": "str"},
        "fail_on": {**strings, "choices": list(OUTCOMES), "default": list(OUTCOMES)},
    }


@dataclasses.dataclass(frozen=True)
class Settled:
    """A difference and what became of it."""

    difference: Difference
    outcome: str
    error: str = ""
    error_code: str = ""
    diff: dict[str, t.Any] | None = None


def reconcile(database: Database, params: Params, context: Context) -> list[Settled]:
    if params["attempts"] < 1:
        raise InputError("attempts must be at least 1")
    found = differences(_look(database, params))
    return [_settle(database, params, one, context) for one in found]


def _look(database: Database, params: Params) -> World:
    """The registry is read first: what is deployed meanwhile then shows as a release without a row, never as a row without a release."""
    models = params["model"] or []
    rows = [row for row in everything(database, params["environment"]) if not models or row["model_name"] in models]
    namespaces = {*params["namespaces"], *(namespace for namespace, release in map(place, rows) if namespace and release)}
    deployed = _releases.Found({}, {}, {})
    client = None
    if params["releases"]:
        client = _probe.api(params, Deadline(API_SECONDS))
        deployed = _releases.read(client, namespaces, params["environment"], params["charts"])
    releases = {where: release for where, release in deployed.releases.items() if not models or release.model in models}
    routed, running = needed(rows, releases)
    subjects = [*map(_probe.of_entry, routed), *(_probe.ProbeSubject(one.model, one.endpoint, one.namespace, one.name, _kind_of(rows, one)) for one in running)]
    # A row and the release behind it are asked once.
    asked = list(dict.fromkeys(subjects))
    answers = dict(zip(asked, _probe.probe_all(asked, params), strict=True))
    probes = [answers[subject] for subject in subjects]
    world = World(
        environment=params["environment"],
        rows=rows,
        releases=releases,
        row_probes={str(row["deployment_id"]): probed for row, probed in zip(routed, probes, strict=False)},
        release_probes={(one.namespace, one.name): probed for one, probed in zip(running, probes[len(routed) :], strict=True)},
        unseen=deployed.unseen,
        endpoints=params["endpoints"],
        live=deployed.live,
        expected=None if params["expected"] is None else frozenset(params["expected"]),
        compares_releases=params["releases"],
        force=params["force"],
    )
    return world if client is None else dataclasses.replace(world, moving=_moving(client, world))


def _kind_of(rows: t.Sequence[Row], release: Release) -> str:
    """As the row of what the release runs says, so that both are asked the same."""
    if release.kind:
        return release.kind
    same = (row for row in rows if row["model_name"] == release.model and row["deployment_revision"] == release.revision)
    return next((row["deployment_kind"] for row in same if row["deployment_kind"]), "")


def _moving(client: Client, world: World) -> dict[tuple[str, str], str]:
    """Only for what drifted: while a deploy runs, the live objects are ahead of the record."""
    places = {(one.namespace, one.release) for one in differences(world) if one.kind == "drift" and one.certain}
    return {place: why for place in places if (why := _releases.moving(client, world.releases[place]))}


def _settle(database: Database, params: Params, found: Difference, context: Context) -> Settled:
    if not found.certain:
        return Settled(found, "inconclusive")
    if found.request is None or not params["fix"]:
        return Settled(found, "remaining")
    said = {name: params[name] for name in ("actor", "correlation_id") if params[name]}
    try:
        with _locked(params, found, context):
            outcome = change(database, request({**found.request, **said}), check_mode=context.check_mode)
    except Error as error:
        return Settled(found, "remaining", str(error), error.code)
    return Settled(found, "fixed", diff=row_result(outcome)["diff"])


@contextlib.contextmanager
def _locked(params: Params, found: Difference, context: Context) -> t.Iterator[None]:
    """Nobody deploys, promotes or rolls this release back meanwhile. Whoever did while we waited has raised the row's version."""
    if context.check_mode or not (found.release and found.namespace and params["releases"]):
        yield
        return
    wait = params["lock_wait_timeout"]
    client = _probe.api(params, Deadline(wait + API_SECONDS))
    lock = of_release(client, found.namespace, found.release, context, reason="reconcile")
    lock.acquire(Deadline(wait), lambda _text: None)
    try:
        yield
    finally:
        lock.release()


def result(settled: t.Sequence[Settled], fail_on: t.Collection[str]) -> dict[str, t.Any]:
    """The module's result; what ``fail_on`` lists fails it, with every difference in the message."""
    counts = {outcome: sum(1 for one in settled if one.outcome == outcome) for outcome in OUTCOMES}
    lines = [f"{one.difference.kind} ({one.outcome}): {_name(one.difference)}: {one.difference.message}{_after(one)}" for one in settled]
    summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    return {
        "changed": counts["fixed"] > 0,
        "failed": any(counts[outcome] for outcome in fail_on),
        "differences": [_entry(one) for one in settled],
        "counts": counts,
        "diff": [{**one.diff, "before_header": _name(one.difference), "after_header": _name(one.difference)} for one in settled if one.diff],
        "msg": f"{len(settled)} differences: {summary}; {'; '.join(lines)}" if settled else "the registry, the releases and the endpoints agree",
    }


def _entry(settled: Settled) -> dict[str, t.Any]:
    found = settled.difference
    entry = {name: getattr(found, name) for name in ("kind", "model", "environment", "revision", "release", "namespace", "message")}
    return {
        **entry,
        "code": found.kind,
        "outcome": settled.outcome,
        "error": settled.error,
        "error_code": settled.error_code,
        "fixable": found.request is not None,
        "drifts": [dataclasses.asdict(one) for one in found.drifts],
    }


def _name(found: Difference) -> str:
    return f"{found.model} {found.revision}".strip()


def _after(settled: Settled) -> str:
    return f" ({settled.error})" if settled.error else ""
