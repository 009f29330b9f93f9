# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import tempfile
import time
import typing as t

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.cluster._client import Client
from ..module_utils.release import _history
from ..plugin_utils._controller import ClusterAction, Result, operation_options
from ..plugin_utils._helm import Helm, without_spaces

HELM_OPTIONS = ("kubeconfig", "context", "host", "api_key", "ca_cert", "validate_certs")


class ReleaseError(Error):
    """The release is not what the plan was made for, or not what it should have become."""


class ActionModule(ClusterAction):
    """Applies a plan through kubernetes.core.helm, or rolls a release back through helm itself."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "name": {"type": "str", "required": True, "aliases": ["release_name"]},
        "namespace": {"type": "str", "required": True, "aliases": ["release_namespace"]},
        "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
        "plan": {"type": "dict"},
        "release_revision": {"type": "int"},
        "binary_path": {"type": "path"},
        "timeout": {"type": "int", "default": 300},
        **operation_options(),
    }

    def step(self) -> Result:
        start = time.monotonic()
        client = self.client(self.params["timeout"])
        helm = Helm(self.options(), Deadline(self.params["timeout"]), program=self.params["binary_path"])
        history = _history.read(client, self.params["namespace"], self.params["name"])
        result = self.present(client, helm, history) if self.params["state"] == "present" else self.rolled_back(client, helm, history)
        return {**result, "duration": round(time.monotonic() - start, 3)}

    def present(self, client: Client, helm: Helm, history: list[_history.Revision]) -> Result:
        plan = self._plan(history)
        live = _history.deployed(history)
        outcome: Result = {"changed": plan["change"] != "none", "reason": plan["reason"], "diff": plan["plan_diff"]}
        if not outcome["changed"] or self._task.check_mode:
            return {**outcome, "release_revision": live.number if live else 0}
        self.renewal(client)()
        self._recover(helm, plan)
        self.say(f"{plan['change']} of {self.params['name']}: {plan['reason']}")
        with without_spaces(helm.program) as program, _values_file(plan["release_values"]) as values:
            arguments = self._helm_arguments(plan, program, values)
            applied = self._execute_module(module_name="kubernetes.core.helm", module_args=arguments, task_vars=self.variables)
        if applied.get("failed"):
            raise ReleaseError(f"Helm refused the {plan['change']}: {_one_line(applied)}; nothing of it is routed to, correct it and run again")
        after = _history.deployed(_history.read(client, self.params["namespace"], self.params["name"]))
        if after is None or after.values != plan["release_values"] or (live and after.number <= live.number):
            raise ReleaseError(f"Helm reported success, but revision {after.number if after else 0} is not the planned one; look at helm history and run again")
        return {**outcome, "release_revision": after.number}

    def rolled_back(self, client: Client, helm: Helm, history: list[_history.Revision]) -> Result:
        target = self.params["release_revision"]
        wanted = _history.kept(history, target)
        if wanted is None:
            numbers = ", ".join(str(revision.number) for revision in history) or "none"
            raise ReleaseError(f"there is no revision {target} to roll back to (kept: {numbers})")
        live = _history.deployed(history)
        if live and live is history[-1] and live.manifest == wanted.manifest and live.values == wanted.values:
            return {"changed": False, "release_revision": live.number}
        if self._task.check_mode:
            return {"changed": True, "release_revision": target}
        self.renewal(client)()
        helm.rollback(self.params["name"], self.params["namespace"], wanted.number)
        after = _history.deployed(_history.read(client, self.params["namespace"], self.params["name"]))
        if after is None or after.manifest != wanted.manifest:
            raise ReleaseError(f"after the rollback revision {after.number if after else 0} is deployed, which is not revision {target}; look at helm history")
        return {"changed": True, "release_revision": after.number}

    def _plan(self, history: list[_history.Revision]) -> dict[str, t.Any]:
        """The plan, if it still holds: it was made before the operation was ours."""
        plan: dict[str, t.Any] | None = self.params["plan"]
        if plan is None:
            raise ReleaseError("state present needs a plan: register the result of vllm_release_plan and give it as plan")
        newest = _history.latest(history)
        number = newest.number if newest else 0
        if number != plan["newest_revision"]:
            raise ReleaseError(f"the release moved from revision {plan['newest_revision']} to {number} after it was planned; run again")
        return plan

    def _recover(self, helm: Helm, plan: dict[str, t.Any]) -> None:
        """With the operation in hand nobody else's Helm can be at work: what is pending was left behind."""
        if plan["recovery"] == "rollback":
            self.say(f"{plan['reason']}: rolling back to revision {plan['recovery_revision']} first")
            helm.rollback(self.params["name"], self.params["namespace"], int(plan["recovery_revision"]))
        elif plan["recovery"] == "uninstall":
            self.say(f"{plan['reason']}: uninstalling it first, it never was deployed")
            helm.uninstall(self.params["name"], self.params["namespace"])

    def _helm_arguments(self, plan: dict[str, t.Any], program: str, values: str) -> dict[str, t.Any]:
        options = self.options()
        return {
            "release_name": self.params["name"],
            "release_namespace": self.params["namespace"],
            "chart_ref": plan["chart_ref"],
            "values_files": [values],
            # Our own wait says what is wrong while it waits; --atomic can leave two failed revisions behind.
            "wait": False,
            "binary_path": program,
            **{name: options[name] for name in HELM_OPTIONS if options.get(name) is not None},
        }


@contextlib.contextmanager
def _values_file(values: dict[str, t.Any]) -> t.Iterator[str]:
    """JSON, and not the YAML that kubernetes.core would write: there 12e456789012 needs no quotes, and Helm reads it as a number."""
    with tempfile.NamedTemporaryFile("w", prefix="values-", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        yield file.name


def _one_line(result: Result) -> str:
    text = str(result.get("stderr") or result.get("msg") or "no message")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("WARNING", "W1", "I1"))]
    return " ".join(lines)[-600:]
