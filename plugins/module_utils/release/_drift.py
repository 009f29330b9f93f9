# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How an object in the cluster differs from what a server-side dry run of the plan makes of it. Pure."""

from __future__ import annotations

import copy
import re
import typing as t

from .. import _quantity
from ..change._plan import Change

Object = dict[str, t.Any]

#: The API server's own notes; they change with every write, and the plan says nothing of them.
_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
#: Paths whose values are no secret and say what happened better than their name alone. Whole paths: a key of the user's own may have any end.
_SHOWN = re.compile(
    r"spec\.(replicas|type|strategy\.type)|spec\.ports\[[^\]]*\]\.(port|targetPort)|spec\.template\.spec\.(initC|c)ontainers\[[^\]]*\]\.image"
    r"|spec\.selector(\.matchLabels)?\.[^\[\]]+"
)
_KEYS = ("name", "containerPort", "port", "mountPath", "key", "topologyKey")
#: Maps that mean something only as a whole: one label more selects other pods.
_ATOMIC = ("selector", "matchLabels", "nodeSelector", "podSelector", "namespaceSelector", "labelSelector")
MOST_FIELDS = 6


def change(kind: str, name: str, live: Object | None, planned: Object) -> Change | None:
    """None when the object is as planned; ``planned`` is what the dry run answered."""
    if live is None:
        return Change("create", kind, name, live=True)
    paths = differing(plain(live), plain(planned))
    if not paths:
        return None
    shown = paths[:MOST_FIELDS] + ([f"and {len(paths) - MOST_FIELDS} more"] if len(paths) > MOST_FIELDS else [])
    return Change("change", kind, name, live=True, fields=tuple(shown))


def desired(live: Object, recorded: Object | None, rendered: Object) -> Object:
    """The live object as the plan wants it, for an update: what the manifest says, without what Helm's record had and the manifest no longer has.

    Lists are the manifest's, so what was added to them by hand goes. Whatever neither says (defaults, allocated addresses, another controller's
    notes, a number of replicas that an autoscaler owns) stays as it is.
    """
    wanted = _merged(live, recorded or {}, rendered)
    if wanted.get("kind") == "PersistentVolumeClaim":
        # A claim grows and never shrinks, and all else of it is fixed when it is made.
        wanted["spec"] = live["spec"] if _size(live) >= _size(rendered) else {**live["spec"], "resources": rendered["spec"]["resources"]}
    if wanted.get("kind") == "Deployment":
        _settle(wanted["spec"], live["spec"], rendered["spec"])
    return {key: value for key, value in wanted.items() if key != "status"}


def plain(obj: Object) -> Object:
    """Without the API server's notes and without the status."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _METADATA}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def replaces_pods(live: Object | None, planned: Object) -> bool:
    """Whether pods that run will be replaced: only the pod template decides, and only where pods run."""
    return live is not None and live["spec"].get("replicas", 1) > 0 and live["spec"]["template"] != planned["spec"]["template"]


def differing(before: t.Any, after: t.Any, path: str = "") -> list[str]:
    """Paths at which two values differ, in the order of their names; short plain values that are no secret are shown."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [found for key in keys for found in differing(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))]
    if isinstance(before, list) and isinstance(after, list):
        named = _by_name(before), _by_name(after)
        if named[0] is not None and named[1] is not None:
            keys = sorted(named[0].keys() | named[1].keys())
            return [found for key in keys for found in differing(named[0].get(key), named[1].get(key), f"{path}[{key}]")]
        if len(before) == len(after):
            pairs = enumerate(zip(before, after, strict=True))
            return [found for place, (one, other) in pairs for found in differing(one, other, f"{path}[{place}]")]
    if _SHOWN.fullmatch(path):
        return [f"{path.rpartition('.')[2] if path.startswith('spec.replicas') else path} {_short(before)} -> {_short(after)}"]
    return [path]


def _merged(live: Object, recorded: Object, rendered: Object) -> Object:
    merged = {key: value for key, value in live.items() if key in rendered or key not in recorded}
    for key, value in rendered.items():
        below, before = live.get(key), recorded.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key not in _ATOMIC:
            merged[key] = _merged(below, before if isinstance(before, dict) else {}, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _settle(wanted: Object, live: Object, rendered: Object) -> None:
    """Two fields of a Deployment that a plain merge gets wrong."""
    if "replicas" not in rendered and "replicas" in live:
        wanted["replicas"] = live["replicas"]
    if (rendered.get("strategy") or {}).get("type") == "Recreate":
        wanted["strategy"] = {"type": "Recreate"}


def _by_name(items: list[t.Any]) -> dict[str, Object] | None:
    """Items by the first key that names all of them apart; None when none does."""
    if not items:
        return {}
    if not all(isinstance(item, dict) for item in items):
        return None
    for key in _KEYS:
        names = [item.get(key) for item in items]
        if all(isinstance(name, str | int) for name in names) and len({str(name) for name in names}) == len(names):
            return {str(item[key]): item for item in items}
    return None


def _size(claim: Object) -> int:
    """The storage that a claim asks for, in thousandths of a byte."""
    asked = (claim["spec"].get("resources") or {}).get("requests") or {}
    return _quantity.read(asked.get("storage") or "0", f"PersistentVolumeClaim {claim['metadata']['name']}: storage")


def _short(value: t.Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
