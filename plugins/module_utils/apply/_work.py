# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all phases of one run share: the cluster, helm, the lock's keeper, and the clock of each phase."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import typing as t

from .._deadline import Deadline
from .._errors import DeadlineError
from .._spec import Context, Result, Spec
from ..change._outcome import Outcome
from ..cluster._client import Client, Unreachable
from ..cluster._connection import Connection, connect
from ..cluster._options import kubernetes_options, with_environment
from ..lock._keeper import Keeper
from ..lock._lock import LeaseLostError
from ..release._helm import Helm, HelmError
from ._request import ApplyRequest

API_SECONDS = 60.0
HELM_SECONDS = 300.0
PAUSE_SECONDS = 1.0
T = t.TypeVar("T")

Run = t.Callable[[t.Mapping[str, t.Any], Context], Result]


class Done(t.NamedTuple):
    """The outcome, whether anything was changed, and the differences as Ansible shows them."""

    outcome: Outcome
    changed: bool
    diff: tuple[dict[str, t.Any], ...] = ()
    verification: t.Mapping[str, t.Any] = {}


@dataclasses.dataclass
class Work:
    """``keeper`` is None before the lock is held, ``claimed`` whether other runs were told of our pods; ``phase`` is the one at work, for the
    word that a failure begins with."""

    request: ApplyRequest
    context: Context
    connection: Connection
    keeper: Keeper | None = None
    claimed: bool = False
    phase: str = "preflight"
    phases: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, request: ApplyRequest, context: Context) -> Work:
        return cls(request, context, connect(with_environment(request.params)))

    @property
    def name(self) -> str:
        return self.request.release

    @property
    def namespace(self) -> str:
        return self.request.namespace

    def client(self, seconds: float = API_SECONDS) -> Client:
        """Patient only in mid-run: before anything is changed, a server that does not answer is told at once."""
        return Client(self.connection, Deadline(seconds), patience=self.patience)

    def helm(self, seconds: float = HELM_SECONDS) -> Helm:
        helm = Helm(self.connection, Deadline(seconds), program=self.request.params["binary_path"])
        if self.keeper:
            self.keeper.on_loss(helm.cancel)
        return helm

    @property
    def patience(self) -> float:
        """Seconds for which an API server may be away in mid-run: beyond half of the lock's duration somebody else may hold the lock."""
        params = self.request.params
        return float(min(params["api_patience"], params["lock_duration"] / 2)) if self.keeper else 0.0

    def fence(self, notes: t.Mapping[str, str | None] | None = None) -> None:
        """Raises LeaseLostError when the lock is not ours any more. ``notes`` are annotations to write on its lease."""
        if self.keeper:
            keeper = self.keeper
            self.again(lambda: keeper.check(notes))

    def again(self, work: t.Callable[[], T]) -> T:
        """``work``, which may be done twice, repeated for as long as the API server may be away; not when the lock is lost."""
        deadline = Deadline(self.patience)
        while True:
            try:
                return work()
            except LeaseLostError:
                raise
            except (Unreachable, DeadlineError, HelmError):
                self.lost()
                if deadline.remaining() < PAUSE_SECONDS:
                    raise
                time.sleep(PAUSE_SECONDS)

    def lost(self) -> None:
        """Raises LeaseLostError when the keeper has seen that the lock is lost; costs no request."""
        if self.keeper:
            self.keeper.raise_if_lost()

    def say(self, text: str) -> None:
        self.context.say(text)

    @contextlib.contextmanager
    def timed(self, phase: str) -> t.Iterator[None]:
        self.phase, start = phase, time.monotonic()
        try:
            yield
        finally:
            self.phases[phase] = self.phases.get(phase, 0.0) + time.monotonic() - start

    def call(self, spec: Spec, run: Run, **options: t.Any) -> Result:
        """Another module's work, with the cluster's options of this run; ``spec`` may lack some of them."""
        cluster = {name: self.request.params.get(name) for name in kubernetes_options() if name in spec.options}
        return run(spec.complete({**cluster, **options}, os.environ), self.context)
