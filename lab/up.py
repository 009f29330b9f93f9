"""`lab up`: starts what does not run, and changes nothing that is there."""

from __future__ import annotations

import concurrent.futures
import time
import typing as t

from . import _cluster, _kubeconfig, _nodes, _optional, _postgres
from ._api import client
from ._client import Client
from ._errors import LabError
from ._health import trouble
from ._layout import Layout
from ._nodes import Node
from ._parts import KUBELET, Lab, begin, parts, process
from ._ports import free
from ._process import Process, recorded
from ._state import State, create, extend, load, locked, save

Say = t.Callable[[str], None]
WAIT_SECONDS = 120.0
SLOW_SECONDS = 1.0
PORT_SECONDS = 2.0


def up(layout: Layout, nodes: list[Node] | None, extra: t.Sequence[str], say: Say) -> None:
    layout.check_programs()
    _postgres.programs()
    with locked(layout):
        state = load(layout)
        _same_nodes(layout, state, nodes)
        for part in _optional.with_needs([*(state.extra if state else ()), *extra]):
            _optional.build(layout, part, say)
        began = time.monotonic()
        before = {part: process(layout, part) for part in parts(layout, [*(state.extra if state else ()), *extra])}
        if state is not None and state.ready and all(_alive(layout, part) for part in before):
            for part in before:
                _wait(Lab(layout, state), part)
            if not _started(layout, before):
                say(f"lab {layout.name} is running; nothing to do.")
                return
        lab = _prepare(layout, state, nodes)
        extend(layout, lab.state, _optional.with_needs(extra))
        healed = lab.state.ready
        _run(lab, say)
        _remember(lab)
    gpus = sum(node.gpus for node in lab.state.nodes)
    done = f"is whole again ({', '.join(_started(layout, before))} started)" if healed else "is ready"
    where = f"{len(lab.state.nodes)} nodes, {gpus} GPUs, {', '.join(_cluster.ENVIRONMENTS)}"
    say(f"lab {layout.name} {done} after {time.monotonic() - began:.1f} s: {where}.")


def _same_nodes(layout: Layout, state: State | None, nodes: list[Node] | None) -> None:
    if state is not None and nodes is not None and state.nodes != nodes:
        raise LabError(f"lab {layout.name} exists with other nodes: `python -m lab down --name {layout.name}` first, or choose another --name.")


def _prepare(layout: Layout, state: State | None, nodes: list[Node] | None) -> Lab:
    from . import _pki  # its library is large, and most commands make no certificates

    for folder in (layout.state / "logs", layout.run, layout.state / "pods"):
        folder.mkdir(mode=0o700, exist_ok=True)
    lab = Lab(layout, state or create(layout, nodes or _nodes.default_nodes(2, 8)))
    _pki.ensure(layout.pki)
    _kubeconfig.write_all(layout, lab.state)
    return lab


def _run(lab: Lab, say: Say) -> None:
    """The database comes up beside the cluster; both have a core of their own."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        database = pool.submit(_database, lab, say)
        _control_plane(lab, say)
        database.result()


def _control_plane(lab: Lab, say: Say) -> None:
    with _Step("API server", say):
        _begin(lab, "etcd")
        _begin(lab, "kube-apiserver")
        _wait(lab, "kube-apiserver")
    for part in ("kube-controller-manager", "kube-scheduler"):
        _begin(lab, part)
    api = client(lab.layout, lab.state, seconds=WAIT_SECONDS)
    with _Step("platform objects", say):
        if not lab.state.ready:
            _cluster.platform(lab, api)
        _begin(lab, "kwok")
    with _Step("controllers and nodes", say):
        for part in (KUBELET, *lab.state.extra):
            _begin(lab, part)
        for part in lab.parts:
            if part != "postgres":
                _wait(lab, part)
        _settled(lab, api)


def _database(lab: Lab, say: Say) -> None:
    with _Step("PostgreSQL", say):
        _postgres.initialise(lab.layout, lab.state)
        _begin(lab, "postgres")
        _wait(lab, "postgres")
        if not lab.state.ready:
            _postgres.prepare(lab.layout, lab.state)


def _begin(lab: Lab, part: str) -> None:
    if _alive(lab.layout, part):
        return
    port = lab.state.ports.get(part)
    if port and not _freed(port):
        raise LabError(
            f"{part} cannot start: another program listens on its port {port} now (`ss -ltnp` names it). End that program, "
            f"or make the lab anew with `python -m lab down --name {lab.layout.name}` and `up`."
        )
    begin(lab, part)


def _freed(port: int) -> bool:
    """A process that is just ending may hold its port a moment longer than it counts as alive."""
    end = time.monotonic() + PORT_SECONDS
    while not free(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _wait(lab: Lab, part: str) -> None:
    """What lived when a heal began may end of what it heals, as an API server does that lost its etcd: it is started again, once."""
    end = time.monotonic() + WAIT_SECONDS
    again = lab.state.ready
    while True:
        seen = trouble(lab, part)
        if seen is None:
            return
        if seen == "not running" and again:
            again = False
            _begin(lab, part)
        elif seen == "not running":
            raise LabError(f"{part} ended right after its start: {lab.layout.last_words(part)}")
        if time.monotonic() > end:
            raise LabError(f"{part} did not answer within {WAIT_SECONDS:g} s (last seen: {seen}); its log is {lab.layout.log(part)}.")
        time.sleep(0.05)


def _settled(lab: Lab, api: Client) -> None:
    if lab.state.ready:
        return
    end = time.monotonic() + WAIT_SECONDS
    while seen := _cluster.unfinished(api, lab.state.nodes):
        if time.monotonic() > end:
            raise LabError(f"after {WAIT_SECONDS:g} s still: {seen}; see `python -m lab logs kube-controller-manager --name {lab.layout.name}`.")
        time.sleep(0.1)


def _remember(lab: Lab) -> None:
    api = client(lab.layout, lab.state)
    lab.state.versions = {"kubernetes": api.get("/version")["gitVersion"], "postgresql": _postgres.version(lab.state)}
    found = {part: recorded(lab.layout.run / f"{part}.pid") for part in lab.parts}
    lab.state.processes = {part: {"pid": one.pid, "started": one.started} for part, one in found.items() if one}
    lab.state.ready = True
    save(lab.layout, lab.state)


def _started(layout: Layout, before: t.Mapping[str, Process | None]) -> list[str]:
    return [part for part, one in before.items() if process(layout, part) != one]


def _alive(layout: Layout, part: str) -> bool:
    found = process(layout, part)
    return found is not None and found.alive()


class _Step:
    """Prints a line only for a step that took long enough to wonder about."""

    def __init__(self, what: str, say: Say) -> None:
        self._what, self._say = what, say
        self._began = time.monotonic()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, *rest: object) -> None:
        seconds = time.monotonic() - self._began
        if kind is None and seconds >= SLOW_SECONDS:
            self._say(f"  {self._what}: {seconds:.1f} s")
