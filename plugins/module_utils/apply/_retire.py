# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Takes a model out: out of the routing, drained, uninstalled. Its volume stays."""

from __future__ import annotations

import math
import re
import time
import typing as t

from .._errors import Error
from ..change._outcome import Outcome, ResultName
from ..cluster._client import Client
from ..endpoint._http import HttpSession
from ..endpoint._pods import port_number
from ..endpoint._transports import PortForward
from ..lock._keeper import held
from ..lock._lock import LeaseLostError
from ..release import _decide, _history, _manifest, _planner, _preflight
from ..rollout._state import condition
from . import _record, _recover
from ._work import Done, Work

PAUSE_SECONDS = 1.0
METRICS_SECONDS = 5.0
KEEP = "helm.sh/resource-policy"

#: These two alone: vllm:num_requests_waiting_by_reason counts the same requests again.
_REQUESTS = re.compile(r"^vllm:num_requests_(?:running|waiting)(?:\{.*\})? +(?P<value>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)(?: +-?[0-9]+)?$", re.MULTILINE)


class _Goes(t.NamedTuple):
    """What a retirement removes: rows and objects. Volumes that the chart keeps are not among them."""

    history: list[_history.Revision]
    lines: list[str]

    def outcome(self, work: Work, result: ResultName, events: t.Iterable[int] = ()) -> Outcome:
        what = ", ".join(self.lines)
        message = f"would remove {what}; volumes stay" if result == "planned" else f"removed {what}; volumes stay"
        return Outcome(result, "retired", message, phases=work.phases, status="absent", event_ids=tuple(events))

    def diff(self) -> dict[str, str]:
        return {"before": "".join(f"{line}\n" for line in self.lines), "after": "", "before_header": "deployed", "after_header": "retired"}


def retire(work: Work) -> Done:
    """Raises Error for what is refused; check mode says what would go."""
    params, goes = work.request.params, _look(work)
    if not goes.lines:
        return Done(Outcome("unchanged", "not_installed", "the model has neither a release nor a row", phases=work.phases, status="absent"), False)
    if work.context.check_mode:
        return Done(goes.outcome(work, "planned"), True, (goes.diff(),))
    reason, duration, wait = f"retire of {work.request.model}", params["lock_duration"], params["lock_wait_timeout"]
    with held(work.connection, work.namespace, work.name, work.context, reason=reason, duration=duration, wait=wait) as keeper:
        work.keeper = keeper
        # What another run did while this one waited counts.
        goes = _look(work)
        try:
            events = _remove(work, goes)
        except LeaseLostError:
            raise
        except Error as error:
            return _stopped(work, goes, error)
    return Done(goes.outcome(work, "changed", events), True, (goes.diff(),))


def _stopped(work: Work, goes: _Goes, error: Error) -> Done:
    """What is out of the routing stays out; the next run goes on from there."""
    failed_in, serving = work.phase, _recover.observe(work, work.request.model)
    message = f"{work.name}: {failed_in}: {str(error).rstrip('.')}. The model may be out of the routing already. Now {serving.words()}."
    outcome = Outcome("failed", error.code, message, phases=work.phases, serving=serving, next_step="correct the cause and run retire again")
    return Done(outcome, True, (goes.diff(),))


def _look(work: Work) -> _Goes:
    history = _history.read(work.client(), work.namespace, work.name)
    _decide.check_chart(history, _planner.chart_name(work.request.params["chart_ref"]), work.name, work.namespace)
    rows = _record.rows(work) if work.request.params["register"] else []
    lines = [f"row {row['deployment_revision']} ({row['deployment_status']})" for row in rows]
    return _Goes(history, [*lines, *objects(history)])


def _remove(work: Work, goes: _Goes) -> list[int]:
    """Out of the routing first, so that no request meets a pod that is on its way out. Returns the events."""
    params = work.request.params
    newest = _history.latest(goes.history)
    if newest is not None:
        _preflight.of_deleted(work.client(), work.namespace, _manifest.parse(newest.manifest))
    if params["register"]:
        with work.timed("record"):
            _record.refused(work, _record.disable(work, params["reason"] or "retired"))
    with work.timed("drain"):
        drain(work)
    with work.timed("release"):
        work.fence()
        if goes.history:
            work.say(f"release: uninstalling {work.name}")
            work.helm().uninstall(work.name, work.namespace)
    if not params["register"]:
        return []
    with work.timed("record"):
        return list(_record.remove(work, params["reason"]).get("event_ids", ()))


def drain(work: Work) -> None:
    """Waits until no pod works on a request, for as long as the pods' own grace; a pod that cannot be asked is left to its grace period."""
    client = work.client(work.request.params["drain_timeout"] + 60)
    end = time.monotonic() + work.request.params["drain_timeout"]
    told = -1
    while (busy := _busy(client, work)) and time.monotonic() < end:
        if busy != told:
            work.say(f"drain: {busy} requests are still running")
            told = busy
        work.lost()
        time.sleep(PAUSE_SECONDS)


def _busy(client: Client, work: Work) -> int:
    """Requests that run or wait, over all ready pods of the release; by the engine's own gauges."""
    selector = {"labelSelector": f"app.kubernetes.io/instance={work.name}"}
    try:
        pods = client.items(f"/api/v1/namespaces/{work.namespace}/pods", selector)
    except Error:
        return 0
    return sum(_requests(client, work.namespace, pod) for pod in pods if condition(pod, "Ready"))


def _requests(client: Client, namespace: str, pod: dict[str, t.Any]) -> int:
    """0 of a pod that cannot be asked: it is left to its grace period."""
    session = HttpSession(PortForward(client, namespace, pod["metadata"]["name"], port_number(pod, "http")), "")
    try:
        return running(session.ask("GET", "/metrics", seconds=METRICS_SECONDS).body.decode("utf-8", "replace"))
    except (Error, OSError):
        return 0
    finally:
        session.close()


def running(metrics: str) -> int:
    """The sum of ``vllm:num_requests_running`` and ``vllm:num_requests_waiting`` over all engines of a server."""
    values = (float(found["value"]) for found in _REQUESTS.finditer(metrics))
    return int(sum(value for value in values if math.isfinite(value)))


def objects(history: t.Sequence[_history.Revision]) -> list[str]:
    """Kind and name of what helm uninstall removes: all but what the chart tells Helm to keep."""
    newest = _history.deployed(history) or _history.latest(history)
    if newest is None:
        return []
    rendered = sorted(_manifest.parse(newest.manifest).items())
    return [f"{kind} {name}" for (kind, name), obj in rendered if (obj["metadata"].get("annotations") or {}).get(KEEP) != "keep"]
