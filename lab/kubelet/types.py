"""What the other files pass to each other: options, errors, and the record of one container."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import time
import typing as t

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Options:
    """How this kubelet behaves. The defaults of the times are the real kubelet's."""

    state: pathlib.Path
    images: pathlib.Path
    node_selector: str = "lab.inference.vllm/kubelet=process"
    crash_base: float = 10.0
    crash_cap: float = 300.0
    pull_base: float = 10.0
    pull_cap: float = 300.0
    # After a start that failed (image, config) the real kubelet looks again after 10 s to 15 s.
    retry: float = 10.0
    # Beside the ticks of the spec, a startup probe is tried this often; only a success counts. 0: as the real kubelet does.
    eager_startup: float = 1.0
    memory_interval: float = 0.5


class Kind(enum.Enum):
    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


class ConfigError(Exception):
    """The container cannot be made from its spec: CreateContainerConfigError."""


class StartError(Exception):
    """The container was made, and its program could not be started: RunContainerError."""


class ImageError(Exception):
    """``reason`` is ErrImagePull, ErrImageNeverPull or InvalidImageName."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MountError(Exception):
    """A volume cannot be made ready: the pod stays in ContainerCreating, with a FailedMount event."""


@dataclasses.dataclass(frozen=True)
class Exit:
    """How one run of a container ended."""

    code: int
    reason: str
    started_at: float | None
    finished_at: float
    container_id: str
    message: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """One living run of a container. ``ticks`` is the kernel's start time of ``pid``, which tells it from a reused pid."""

    attempt: int
    container_id: str
    pid: int
    ticks: int
    shim: int
    started_at: float
    folder: pathlib.Path


@dataclasses.dataclass
class Container:
    """What is known of one container of a pod, over all its runs."""

    spec: Json
    kind: Kind
    image: str = ""
    image_id: str = ""
    run: Run | None = None
    attempts: int = 0
    exits: list[Exit] = dataclasses.field(default_factory=list)
    waiting: tuple[str, str] | None = None
    started: bool = False
    ready: bool = False
    killing: bool = False
    # Why the running process is being killed, when that decides the reason it is reported with (OOMKilled).
    doom: str = ""

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def field_path(self) -> str:
        return f"spec.{'containers' if self.kind is Kind.MAIN else 'initContainers'}{{{self.name}}}"

    @property
    def last_exit(self) -> Exit | None:
        return self.exits[-1] if self.exits else None

    def ended(self, exit_: Exit) -> None:
        """The run is over. Two exits are kept, as the API shows two: ``state`` and ``lastState``."""
        self.exits = [*self.exits, exit_][-2:]
        self.run = None
        self.started = self.ready = self.killing = False
        self.doom = ""


def rfc3339(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
