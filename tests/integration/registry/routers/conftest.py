"""Followers of a registry of their own, as its reader."""

from __future__ import annotations

import dataclasses
import time
import typing as t

import pytest
from vllm_routes import Follower, Settings, Table

from tests.integration.registry.postgres import Database


class Follow(t.Protocol):
    def __call__(self, database: Database, told: t.Callable[[Table], None] = ..., *, port: int | None = ..., **more: t.Any) -> Follower: ...


def followed(database: Database, *, port: int | None = None, **more: t.Any) -> Settings:
    """Polls once a minute: what is seen sooner was told by a notification."""
    connection = {**database.cluster.parameters("vllm_reader", database.name), **({"port": port} if port else {})}
    return dataclasses.replace(Settings("staging", poll=60, timeout=5, connection=connection), **more)


@pytest.fixture
def follow() -> t.Iterator[Follow]:
    started: list[Follower] = []

    def start(database: Database, told: t.Callable[[Table], None] = lambda _table: None, *, port: int | None = None, **more: t.Any) -> Follower:
        started.append(Follower(followed(database, port=port, **more), told).start())
        return started[-1]

    yield start
    for follower in started:
        follower.stop()


def until(met: t.Callable[[], bool], seen: t.Callable[[], object] = lambda: "", seconds: float = 30) -> float:
    """Seconds that it took."""
    start = time.monotonic()
    while not met():
        assert time.monotonic() - start < seconds, seen()
        time.sleep(0.005)
    return time.monotonic() - start
