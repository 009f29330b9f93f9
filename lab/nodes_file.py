"""Nodes of odd shapes from a YAML file, checked before anything starts."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

import yaml

from ._errors import LabError
from ._nodes import PROCESS, SIMULATED, Node

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([mkMGTPE]|[KMGTPE]i)?")
KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "gpus": int,
    "product": str,
    "gpu_memory_mib": int,
    "cpu": (str, int),
    "memory": str,
    "pods": int,
    "kubelet": str,
    "resources": dict,
    "labels": dict,
    "taints": list,
    "cordoned": bool,
    "ready": bool,
}
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def read(path: pathlib.Path) -> list[Node]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabError(f"the nodes file {path} cannot be read: {str(error).splitlines()[0]}.") from error
    entries = content.get("nodes") if isinstance(content, dict) and set(content) == {"nodes"} else None
    if not isinstance(entries, list) or not entries:
        raise LabError(f"the nodes file {path} must hold `nodes:` with a list, and nothing else; lab/examples/nodes.yaml is one.")
    nodes = [node for number, entry in enumerate(entries, 1) for node in _group(entry, f"{path}, node {number}")]
    names = [node.name for node in nodes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabError(f"{path}: {', '.join(twice)} is there twice; node names are unique.")
    return nodes


def _group(entry: object, where: str) -> t.Iterator[Node]:
    """``count: 3`` stands for three nodes, name-0 to name-2."""
    if not isinstance(entry, dict):
        raise LabError(f"{where}: must be a mapping with at least `name`, and is {entry!r}.")
    count = entry.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1000):
        raise LabError(f"{where}: count must be a number from 1 to 1000, and is {count!r}.")
    node = _node({key: value for key, value in entry.items() if key != "count"}, where)
    if count is None:
        yield node
    else:
        yield from (dataclasses.replace(node, name=f"{node.name}-{number}") for number in range(count))


def _node(entry: dict[str, t.Any], where: str) -> Node:
    for key, value in entry.items():
        if key not in KINDS:
            raise LabError(f"{where}: {key!r} is not known; known are count, {', '.join(KINDS)}.")
        if not isinstance(value, KINDS[key]) or (isinstance(value, bool) and KINDS[key] is not bool):
            raise LabError(f"{where}: {key} cannot be {value!r}.")
    name = entry.get("name", "")
    if not NAME.fullmatch(name):
        raise LabError(f"{where}: name must be small letters, digits and dashes, and is {name!r}.")
    kubelet = entry.get("kubelet", PROCESS)
    if kubelet not in {PROCESS, SIMULATED} or (kubelet == SIMULATED) != name.startswith("sim-"):
        raise LabError(f"{where}: {name} is {kubelet}; nodes are {PROCESS} or {SIMULATED}, and the simulated ones, no others, are called sim-something.")
    _check_taints(entry.get("taints", []), where)
    words: dict[str, t.Any] = {key: {str(one): str(value) for one, value in entry[key].items()} for key in ("resources", "labels") if key in entry}
    node = Node(**{**entry, **words, "cpu": str(entry.get("cpu", Node.cpu))})
    wrong = [f"{name}: {value}" for name, value in node.capacity().items() if not QUANTITY.fullmatch(value)]
    if wrong:
        raise LabError(f"{where}: {', '.join(wrong)} is no Kubernetes quantity.")
    return node


def _check_taints(taints: list[t.Any], where: str) -> None:
    for taint in taints:
        well = isinstance(taint, dict) and set(taint) <= {"key", "value", "effect"} and taint.get("key") and taint.get("effect") in EFFECTS
        if not well:
            raise LabError(f"{where}: a taint has key, effect ({', '.join(EFFECTS)}) and perhaps value; this one is {taint!r}.")
