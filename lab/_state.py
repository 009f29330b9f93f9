"""What a lab remembers between two commands: ``lab.json``, and a lock that only one command holds at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import typing as t

from ._errors import LabError
from ._layout import Layout
from ._nodes import Node
from ._ports import choose

PORTS = ("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "postgres")
DATABASE_USERS = {"migrator": "vllm_migrator", "operator": "vllm_operator", "reader": "vllm_reader"}


@dataclasses.dataclass
class State:
    """``ready`` turns true when the first `up` has finished: from then on nothing in the cluster or database is made again."""

    name: str
    ports: dict[str, int]
    passwords: dict[str, str]
    tokens: dict[str, str]
    nodes: list[Node]
    extra: list[str] = dataclasses.field(default_factory=list)
    ready: bool = False
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    processes: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)


def load(layout: Layout) -> State | None:
    try:
        found = json.loads(layout.record.read_text(encoding="utf-8"))
        return State(**{**found, "nodes": [Node(**node) for node in found["nodes"]]})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabError(f"{layout.record} cannot be read ({error}): remove this lab with `python -m lab down --name {layout.name}`.") from error


def save(layout: Layout, state: State) -> None:
    """Whole or not at all: a killed `up` leaves the former file."""
    new = layout.record.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(state), file, indent=1)
    new.replace(layout.record)


def create(layout: Layout, nodes: list[Node]) -> State:
    with _locked(layout.folder):
        state = State(
            name=layout.name,
            ports=choose(layout, PORTS),
            passwords={user: secrets.token_urlsafe(18) for user in ("postgres", *DATABASE_USERS.values())},
            tokens={"api-key": f"sk-lab-{secrets.token_hex(12)}", "hf-token": f"hf_lab{secrets.token_hex(12)}"},
            nodes=nodes,
        )
        save(layout, state)
    return state


def extend(layout: Layout, state: State, extra: t.Sequence[str]) -> None:
    """Adds optional parts, each with a port."""
    with _locked(layout.folder):
        new = [part for part in extra if part not in state.extra]
        state.ports |= choose(layout, [part for part in new if part not in state.ports])
        state.extra += new
        save(layout, state)


@contextlib.contextmanager
def locked(layout: Layout) -> t.Iterator[None]:
    """One `up` or `down` of a lab at a time. The lock is the folder itself: there is no lock file that could be left."""
    while True:
        layout.state.mkdir(parents=True, exist_ok=True)
        with _locked(layout.state) as handle:
            # `down` may have removed the folder while we waited for it.
            if layout.state.exists() and os.path.samestat(os.fstat(handle), layout.state.stat()):
                yield
                return


@contextlib.contextmanager
def _locked(folder: os.PathLike[str]) -> t.Iterator[int]:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield -1
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
