# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a change will do to a release: decided once, inside the lock, and only read afterwards. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from ..bundle import _bundle
from ..bundle._bundle import Bundle, Values
from . import _where
from ._document import Json, Reader
from ._where import Where

SCHEMA = 1

ActionName = t.Literal["none", "install", "upgrade", "rollback"]
ACTIONS: tuple[ActionName, ...] = ("none", "install", "upgrade", "rollback")
ChangeName = t.Literal["create", "change", "remove"]
CHANGES: tuple[ChangeName, ...] = ("create", "change", "remove")


@dataclasses.dataclass(frozen=True)
class Change:
    """One object that differs. ``live``: the cluster differs from the plan; else only Helm's record does. ``fields`` are the paths that differ."""

    action: ChangeName
    kind: str
    name: str
    live: bool = False
    fields: tuple[str, ...] = ()

    def words(self) -> str:
        where = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.action} {self.kind} {self.name}{where}"

    def document(self) -> Json:
        return {"action": self.action, "kind": self.kind, "name": self.name, "live": self.live, "fields": list(self.fields)}


@dataclasses.dataclass(frozen=True)
class Workload:
    """What the rendered Deployment asks for. ``replicas`` None: an autoscaler owns the number. ``gpus`` are those of one pod.

    ``deadline`` is progressDeadlineSeconds, ``live_replicas`` what the cluster has now (None: no Deployment).
    """

    replicas: int | None
    live_replicas: int | None
    gpus: int
    template: Json
    selector: Json
    strategy: Json
    deadline: int

    @property
    def wanted(self) -> int:
        """Pods that must be ready: with an autoscaler those that there are, at least one."""
        return max(1, self.live_replicas or 1) if self.replicas is None else self.replicas

    def document(self) -> Json:
        return {
            "replicas": self.replicas,
            "live_replicas": self.live_replicas,
            "gpus": self.gpus,
            "pod_template": self.template,
            "selector": self.selector,
            "strategy": self.strategy,
            "progress_deadline_seconds": self.deadline,
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """``values`` go to Helm as they are. ``replaces_pods``: running pods will be replaced.

    ``forget``: numbers of the records that an interrupted Helm left and that must go first. ``newest_revision`` is Helm's newest of any status
    when the plan was made, ``release_revision`` the deployed one; 0 for none.
    """

    where: Where
    bundle: Bundle
    revision: str
    action: ActionName
    code: str
    reason: str
    changes: tuple[Change, ...]
    replaces_pods: bool
    values: Values
    chart_ref: str
    workload: Workload
    release_revision: int
    newest_revision: int
    forget: tuple[int, ...] = ()
    diff: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def content(self) -> str:
        """Digest of all that goes to Helm: bundle, replicas, resources and placement as one."""
        return _bundle.digest(self.values)

    @property
    def changed(self) -> bool:
        return self.action != "none"

    def document(self) -> Json:
        return {
            "schema": SCHEMA,
            "where": self.where.document(),
            "bundle": self.bundle.digest,
            "bundle_content": self.bundle.content,
            "revision": self.revision,
            "change": self.action,
            "code": self.code,
            "reason": self.reason,
            "changes": [change.document() for change in self.changes],
            "replaces_pods": self.replaces_pods,
            "release_values": self.values,
            "chart_ref": self.chart_ref,
            "workload": self.workload.document(),
            "release_revision": self.release_revision,
            "newest_revision": self.newest_revision,
            "forget": list(self.forget),
            "plan_diff": dict(self.diff),
        }


def read(document: t.Any) -> Plan:
    """The inverse of ``document``, as another task gives it; raises InputError."""
    given = Reader(document, "plan")
    if given.number("schema") != SCHEMA:
        raise InputError(f"plan.schema is {given.number('schema')}, and this version of the collection reads {SCHEMA}; make the plan again")
    bundle = _bundle.read(given.map("bundle_content"))
    if bundle.digest != given.text("bundle"):
        raise InputError("plan.bundle is not the digest of plan.bundle_content: the plan was edited; make it again", code="bundle_mismatch")
    return Plan(
        where=_where.read(given.map("where"), "plan.where"),
        bundle=bundle,
        revision=given.text("revision"),
        action=t.cast(ActionName, given.choice("change", ACTIONS)),
        code=given.text("code"),
        reason=given.text("reason"),
        changes=tuple(_change(one) for one in given.maps("changes")),
        replaces_pods=given.flag("replaces_pods"),
        values=given.map("release_values"),
        chart_ref=given.text("chart_ref"),
        workload=_workload(given.map("workload")),
        release_revision=given.number("release_revision"),
        newest_revision=given.number("newest_revision"),
        forget=given.numbers("forget"),
        diff=given.text_map("plan_diff"),
    )


def _change(document: Json) -> Change:
    given = Reader(document, "plan.changes")
    action = t.cast(ChangeName, given.choice("action", CHANGES))
    return Change(action, given.text("kind"), given.text("name"), given.flag("live"), given.texts("fields"))


def _workload(document: Json) -> Workload:
    given = Reader(document, "plan.workload")
    return Workload(
        replicas=given.maybe_number("replicas"),
        live_replicas=given.maybe_number("live_replicas"),
        gpus=given.number("gpus"),
        template=given.map("pod_template"),
        selector=given.map("selector"),
        strategy=given.map("strategy"),
        deadline=given.number("progress_deadline_seconds"),
    )
