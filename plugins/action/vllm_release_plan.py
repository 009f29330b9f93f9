# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.resources
import json
import typing as t

from ..module_utils._deadline import Deadline
from ..module_utils.cluster._client import Client
from ..module_utils.cluster._connection import connect
from ..module_utils.release import _look
from ..plugin_utils._controller import ClusterAction, Result
from ..plugin_utils._helm import Helm


class ActionModule(ClusterAction):
    """Says what a deploy would change in a release. Reads only."""

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "name": {"type": "str", "required": True, "aliases": ["release_name"]},
        "namespace": {"type": "str", "required": True, "aliases": ["release_namespace"]},
        "chart_ref": {"type": "path", "required": True},
        "values": {"type": "dict", "default": {}, "aliases": ["release_values"]},
        "values_files": {"type": "list", "elements": "path", "default": []},
        "revision": {"type": "str", "default": ""},
        "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
        "binary_path": {"type": "path"},
        "timeout": {"type": "int", "default": 60},
    }

    def step(self) -> Result:
        params = self.params
        request = _look.Request(
            **{name: params[name] for name in ("name", "namespace", "chart_ref", "values", "revision", "strategy")},
            values_files=tuple(params["values_files"]),
            kubernetes_core_version=collection_version("kubernetes.core"),
        )
        _look.refuse_bad_input(request)
        deadline = Deadline(params["timeout"])
        options = self.options()
        found = _look.look(Client(connect(options), deadline), Helm(options, deadline, program=params["binary_path"]), request)
        return {"changed": False, **found, "duration": round(deadline.elapsed(), 3)}


def collection_version(collection: str) -> str:
    """From the collection's MANIFEST.json, which every installed collection carries; empty when it says none."""
    try:
        text = importlib.resources.files(f"ansible_collections.{collection}").joinpath("MANIFEST.json").read_text()
        return str(json.loads(text)["collection_info"]["version"] or "")
    except (ImportError, OSError, KeyError, ValueError):
        return ""
