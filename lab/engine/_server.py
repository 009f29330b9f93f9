# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every route needs: settings, faults, engine, names, tokenizer."""

from __future__ import annotations

import dataclasses
import random
import typing as t
import uuid

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from ._core import Engine
from ._errors import wrong_model
from ._faults import Faults
from ._settings import Adapter, Settings
from ._tokens import Tokenizer

Send = t.Callable[[t.MutableMapping[str, t.Any]], t.Awaitable[None]]
Receive = t.Callable[[], t.Awaitable[t.MutableMapping[str, t.Any]]]
Scope = t.MutableMapping[str, t.Any]


@dataclasses.dataclass(slots=True)
class Server:
    settings: Settings
    faults: Faults
    engine: Engine
    registry: CollectorRegistry
    tokenizer: Tokenizer
    adapters: list[Adapter]
    load: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return (self.faults.wrong_name,) if self.faults.wrong_name else self.settings.names

    def model_name(self, asked: str | None) -> str:
        """The name the answer carries: the first served one for every alias, an adapter's own for an adapter."""
        if any(asked == adapter.name for adapter in self.adapters):
            return str(asked)
        if asked and asked not in self.names:
            raise wrong_model(asked, [*self.names, *(adapter.name for adapter in self.adapters)])
        return self.names[0]


def server_of(request: Request) -> Server:
    return t.cast(Server, request.app.state.server)


def request_id(prefix: str, request: Request) -> str:
    return f"{prefix}-{request.headers.get('x-request-id') or random_id()}"


def random_id() -> str:
    return f"{random.getrandbits(64):016x}"


def long_id() -> str:
    return uuid.uuid4().hex
