# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Compares the registry, what Helm deployed, what is live and what answers, and names the change that fixes each difference. Pure."""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from ._drift import Drift, LiveObjects, drifts
from ._health_policy import Probed
from ._rendered import Objects
from ._row import WHOLE, Row, managed, routable, status, weight


@dataclasses.dataclass(frozen=True)
class Release:
    """A deployed Helm release of our chart, as it was rendered. ``replicas`` is None where an autoscaler sets them."""

    name: str
    namespace: str
    model: str
    environment: str
    revision: str
    bundle: str
    endpoint: str
    replicas: int | None
    number: int
    kind: str = ""
    objects: Objects = dataclasses.field(default_factory=dict)

    @property
    def runs(self) -> bool:
        return self.replicas is None or self.replicas > 0


@dataclasses.dataclass(frozen=True)
class Difference:
    """``kind`` is its code. ``request`` holds the options of vllm_registry that fix it; without any it is for a person, and ``message`` says what to do."""

    kind: str
    model: str
    environment: str
    revision: str
    message: str
    release: str = ""
    namespace: str = ""
    certain: bool = True
    request: dict[str, t.Any] | None = None
    drifts: tuple[Drift, ...] = ()


@dataclasses.dataclass(frozen=True)
class World:
    """``rows`` are all of one environment, unmanaged ones among them. Probes are by the entry's id, and by namespace and name of the release.
    ``unseen`` are namespaces whose releases could not be read, with why; ``endpoints`` are meant to be others than the release's.
    ``live`` is by namespace; ``moving`` are releases that are being deployed at this moment, with why. ``expected`` are the models of the inventory."""

    environment: str
    rows: t.Sequence[Row]
    releases: t.Mapping[tuple[str, str], Release]
    row_probes: t.Mapping[str, Probed]
    release_probes: t.Mapping[tuple[str, str], Probed]
    unseen: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    endpoints: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    live: t.Mapping[str, LiveObjects] = dataclasses.field(default_factory=dict)
    moving: t.Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    expected: frozenset[str] | None = None
    compares_releases: bool = True
    force: bool = False

    def probed(self, row: Row) -> Probed:
        return self.row_probes.get(str(row["deployment_id"]), Probed("inconclusive", "it was not probed"))

    def of_release(self, release: Release) -> Probed:
        return self.release_probes.get((release.namespace, release.name), Probed("inconclusive", "it has no replicas"))


def pending(release: Release) -> dict[str, t.Any]:
    """Visible and not routable: only a verification makes it that."""
    given = {
        "namespace": release.namespace,
        "bundle": release.bundle,
        "release": release.name,
        "release_revision": release.number,
        "kind": release.kind,
    }
    return {
        **{name: value for name, value in given.items() if value},
        "state": "present",
        "model": release.model,
        "environment": release.environment,
        "revision": release.revision,
        "status": "pending",
        "endpoint": release.endpoint,
        "reason": "reconcile: a running release without a row",
        "expected_version": 0,
    }


def asked(row: Row, wanted: str, reason: str = "") -> dict[str, t.Any]:
    """Only while nobody else has changed the row since it was read."""
    text = "".join(character if character.isprintable() else " " for character in f"reconcile: {reason or 'fixed'}")[:500]
    options = {
        "state": "present",
        "model": row["model_name"],
        "environment": row["deployment_environment"],
        "organization": row["organization_id"],
        "revision": row["deployment_revision"],
        "status": wanted,
        "reason": text,
        "degraded_by": "reconcile",
        "expected_version": row["deployment_version"],
    }
    return {name: value for name, value in options.items() if value is not None}


def difference(row: Row, message: str, *, code: str, request: dict[str, t.Any] | None = None) -> Difference:
    namespace, release = place(row)
    return Difference(code, row["model_name"], row["deployment_environment"], row["deployment_revision"] or "", message, release, namespace, request=request)


def unknown(row: Row, message: str, *, code: str) -> Difference:
    return dataclasses.replace(difference(row, message, code=code), certain=False)


def _about(release: Release, message: str, *, code: str, certain: bool = True, request: dict[str, t.Any] | None = None) -> Difference:
    """A difference of a release that no row stands for."""
    subject = (release.model, release.environment, release.revision)
    return Difference(code, *subject, message, release.name, release.namespace, certain, request)


def others_routable(world: World, row: Row) -> bool:
    return any(one is not row and routable(one) and managed(one) and scope(one) == scope(row) for one in world.rows)


def place(row: Row) -> tuple[str, str]:
    return row["deployment_namespace"] or "", row["deployment_release"] or ""


def scope(row: Row) -> tuple[t.Any, ...]:
    return row["model_name"], row["deployment_environment"], row["organization_id"]


def plain(endpoint: str | None) -> str:
    """Spellings of one address: with or without scheme, /v1, and slash at the end."""
    return re.sub(r"(/v1)?/*$", "", (endpoint or "").removeprefix("http://")).lower()


def differences(world: World) -> list[Difference]:
    """Sorted by model; of one row the gravest difference alone, since fixing it may settle the others."""
    found = _duplicates(world)
    doubled = {(one.model, one.namespace, one.release) for one in found}
    for row in (row for row in world.rows if managed(row) and routable(row)):
        if (row["model_name"], *place(row)) not in doubled:
            found += _of_row(world, row)
    for release in world.releases.values():
        if (release.model, release.namespace, release.name) not in doubled:
            found += _of_release(world, release)
        found += _drift(world, release)
    found += _not_in_inventory(world)
    return sorted(found, key=lambda one: (one.model, one.kind, one.revision))


def needed(rows: t.Sequence[Row], releases: t.Mapping[tuple[str, str], Release]) -> tuple[list[Row], list[Release]]:
    """What must be probed: entries that routers send to, and releases that should serve."""
    return [row for row in rows if managed(row) and routable(row)], [release for release in releases.values() if release.runs]


def _duplicates(world: World) -> list[Difference]:
    """Two routable rows for one thing: of one release, which runs one revision, or beside an unmanaged row."""
    groups: dict[tuple[t.Any, ...], list[Row]] = collections.defaultdict(list)
    for row in world.rows:
        if routable(row) and row["model_name"]:
            groups[scope(row)].append(row)
    found = []
    for rows in groups.values():
        ours = [row for row in rows if managed(row)]
        places = collections.Counter(place(row) for row in ours if row["deployment_release"])
        shared = [row for row in ours if places[place(row)] > 1]
        if shared:
            found.append(_shared(world, shared))
        elif len(rows) > max(1, len(ours)):
            found.append(_beside(rows, ours))
    return found


def _shared(world: World, rows: t.Sequence[Row]) -> Difference:
    """A release runs one revision: of several that claim to be it, the one that it runs is right."""
    release = world.releases.get(place(rows[0]))
    right = [row for row in rows if release and row["deployment_revision"] == release.revision]
    text = f"{len(rows)} revisions are routable at release {place(rows[0])[1]}, which runs one: {_listed(rows)}"
    if len(right) != 1:
        return difference(rows[0], f"{text}; none of them is what runs: run the playbook register", code="duplicate")
    request = {**asked(right[0], status(right[0])), "weight": WHOLE}
    return difference(right[0], f"{text}; {right[0]['deployment_revision']} is what runs", code="duplicate", request=request)


def _beside(rows: t.Sequence[Row], ours: t.Sequence[Row]) -> Difference:
    """Routers do not see an unmanaged row, older readers of the table do: registering a managed one again makes it step down."""
    text = f"{len(rows)} rows are routable, {len(rows) - len(ours)} of them unmanaged: {_listed(rows)}"
    if not ours:
        return difference(rows[0], f"{text}; run the playbook register, which takes one over", code="duplicate")
    return difference(ours[0], text, code="duplicate", request={**asked(ours[0], status(ours[0])), "weight": weight(ours[0])})


def _listed(rows: t.Sequence[Row]) -> str:
    return ", ".join(str(row["deployment_revision"] or "one without a revision") for row in rows)


def _of_row(world: World, row: Row) -> list[Difference]:
    probed, release = world.probed(row), world.releases.get(place(row))
    if row["deployment_release"] and release is None and world.compares_releases:
        return [_without_release(world, row, probed)]
    if release is not None and release.revision and release.revision != row["deployment_revision"]:
        return [_other_revision(world, row, release)]
    meant = world.endpoints.get(row["model_name"]) or (release.endpoint if release else "")
    if meant and plain(row["deployment_endpoint"]) != plain(meant):
        return [_wrong_endpoint(world, row, meant, release)]
    if probed.verdict == "inconclusive":
        return [unknown(row, probed.message, code="dead")]
    return [_dead(world, row, probed)] if probed.verdict == "fail" else []


def _without_release(world: World, row: Row, probed: Probed) -> Difference:
    namespace, name = place(row)
    if namespace in world.unseen:
        return unknown(row, f"the releases of namespace {namespace} could not be read: {world.unseen[namespace]}", code="orphan")
    text = f"Helm has no deployed release {name} in namespace {namespace}"
    if probed.verdict == "inconclusive":
        return unknown(row, f"{text}, and whether its endpoint answers could not be found out: {probed.message}", code="orphan")
    if probed.verdict == "pass":
        return difference(row, f"{text}, but its endpoint answers: set endpoints or releases: false when it is delivered some other way", code="orphan")
    if not world.releases and not world.force and len({place(one) for one in world.rows if managed(one) and routable(one)}) > 1:
        return difference(row, f"{text}, nor any other: is this the right cluster? force fixes it if it is", code="orphan")
    return difference(row, f"{text}, and {probed.message}", code="orphan", request=asked(row, "failed", f"{text}; {probed.message}"))


def _other_revision(world: World, row: Row, release: Release) -> Difference:
    text = f"routers use revision {row['deployment_revision']}, and release {release.name} runs {release.revision}"
    known = _named(world, release)
    if known is not None and status(known) == "superseded" and world.of_release(release).verdict == "pass":
        return difference(known, f"{text}, which was verified before and answers", code="wrong_revision", request=asked(known, "ready"))
    return difference(row, f"{text}, which no verification has passed: run the playbook register, or roll back", code="wrong_revision")


def _wrong_endpoint(world: World, row: Row, meant: str, release: Release | None) -> Difference:
    text = f"its endpoint is {row['deployment_endpoint']} and should be {meant}"
    probed = world.of_release(release) if release else Probed("inconclusive", "")
    if probed.verdict == "inconclusive":
        return difference(row, f"{text}; whether that answers is not known", code="wrong_endpoint")
    if probed.verdict == "fail":
        return difference(row, f"{text}, which does not answer either: {probed.message}", code="wrong_endpoint")
    return difference(row, f"{text}, which answers", code="wrong_endpoint", request={**asked(row, status(row)), "endpoint": meant})


def _dead(world: World, row: Row, probed: Probed) -> Difference:
    """Out of the routing where another revision answers; else it stays, degraded, as requests would be refused for certain."""
    others = [
        one
        for one in world.rows
        if one is not row and managed(one) and routable(one) and weight(one) > 0 and scope(one) == scope(row)
        if world.probed(one).verdict == "pass"
    ]
    if others:
        return difference(row, f"{probed.message}; {others[0]['deployment_revision']} answers", code="dead", request=asked(row, "failed", probed.message))
    if status(row) == "degraded":
        return difference(row, f"{probed.message}; it is the only one, and degraded already: look at its pods, deploy, or disable it", code="dead")
    return difference(row, f"{probed.message}; it is the only one", code="dead", request=asked(row, "degraded", probed.message))


def _of_release(world: World, release: Release) -> list[Difference]:
    """A running release that no entry stands for. A pending, deploying, failed or disabled entry does: somebody decided that."""
    row = _named(world, release)
    probed = world.of_release(release)
    routed = [one for one in world.rows if managed(one) and routable(one) and place(one) == (release.namespace, release.name)]
    if row is None and not release.runs:
        return []
    if row is None:
        answers = {"pass": "answers", "fail": "does not answer", "inconclusive": "may or may not answer"}[probed.verdict]
        text = f"release {release.name} runs revision {release.revision or 'without a name'}, which {answers} and has no row"
        fix = pending(release) if release.revision else None
        next_step = "run the playbook register, which verifies it first"
        return [_about(release, f"{text}: {next_step}", code="unregistered", request=fix)]
    if status(row) == "superseded" and not routed and probed.verdict == "pass" and not others_routable(world, row):
        text = f"release {release.name} runs {release.revision}, which was verified before and answers, and nothing is routable"
        return [difference(row, text, code="unrouted", request=asked(row, "ready"))]
    return []


def _named(world: World, release: Release) -> Row | None:
    """The row of what the release runs."""
    rows = [row for row in world.rows if managed(row) and row["model_name"] == release.model and row["deployment_revision"] == release.revision]
    return next((row for row in rows if row["deployment_release"] in (None, release.name)), None)


def _drift(world: World, release: Release) -> list[Difference]:
    """What was changed by hand. Never fixed here: which of the two is wanted is for a person, and the deploy knows how to get there."""
    live = world.live.get(release.namespace)
    if live is None or not release.objects:
        return []
    if live.unread:
        return [_about(release, f"the live objects of release {release.name} could not be read: {live.unread}", code="drift", certain=False)]
    row = _named(world, release)
    found = drifts(release.objects, live, zero_is_meant=status(row) == "disabled" and bool(row and row["deployment_reason"]))
    if not found:
        return []
    text = f"release {release.name} is not as Helm recorded it: {'; '.join(one.words() for one in found)}"
    moving = world.moving.get((release.namespace, release.name))
    if moving:
        return [_about(release, f"{text}; but {moving}", code="drift", certain=False)]
    return [dataclasses.replace(_about(release, f"{text}: run the deploy, which reverts it", code="drift"), drifts=tuple(found))]


def _not_in_inventory(world: World) -> list[Difference]:
    """One for each model, whose row speaks for its releases."""
    if world.expected is None:
        return []
    found: dict[str, Difference] = {}
    text = "{what}, and the inventory of {environment} has no model {model}: put it back there, or run the playbook retire.yml"
    for row in (row for row in world.rows if managed(row) and routable(row)):
        words = text.format(what=f"revision {row['deployment_revision']} is routable", environment=world.environment, model=row["model_name"])
        found.setdefault(row["model_name"], difference(row, words, code="not_in_inventory"))
    for release in world.releases.values():
        words = text.format(what=f"release {release.name} is deployed", environment=world.environment, model=release.model)
        found.setdefault(release.model, _about(release, words, code="not_in_inventory"))
    return [one for model, one in found.items() if model not in world.expected]
