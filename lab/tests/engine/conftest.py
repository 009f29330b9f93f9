# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the server comes from: the simulated engine is started here, unless ENGINE_URL says where a real one listens.

``ENGINE_URL=http://127.0.0.1:8000 pytest lab/tests/engine`` runs what any server of a text model must answer; the cases that start servers
of their own are left out, unless ``ENGINE_COMMAND="vllm serve MODEL ..."`` says how to start a real one. Cases about the simulation's own
faults run against the simulation alone.
"""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ._api import Api, Running, launch

REAL = bool(os.environ.get("ENGINE_URL") or os.environ.get("ENGINE_COMMAND"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "startup: the case starts a server of its own (with ENGINE_URL it also needs ENGINE_COMMAND)")
    config.addinivalue_line("markers", "simulated: the case is about the simulation itself")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if REAL and item.get_closest_marker("simulated"):
            item.add_marker(pytest.mark.skip(reason="a fault that only the simulation has"))
        if os.environ.get("ENGINE_URL") and not os.environ.get("ENGINE_COMMAND") and item.get_closest_marker("startup"):
            item.add_marker(pytest.mark.skip(reason="ENGINE_COMMAND does not say how to start the real server"))


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Api]:
    """A ready server of a text model."""
    given = os.environ.get("ENGINE_URL")
    if given:
        yield Api.at(given)
        return
    running = launch(tmp_path_factory.mktemp("engine"), "--served-model-name", "tiny")
    try:
        yield Api.at(f"http://127.0.0.1:{running.ready().port}")
    finally:
        running.stop()


@pytest.fixture
def start(tmp_path: pathlib.Path) -> t.Iterator[t.Callable[..., Running]]:
    """Starts servers that end with the test."""
    started: list[Running] = []

    def starter(*arguments: str, **more: t.Any) -> Running:
        started.append(launch(tmp_path, *arguments, **more))
        return started[-1]

    yield starter
    for running in started:
        running.stop()
