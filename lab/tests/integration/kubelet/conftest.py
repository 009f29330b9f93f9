"""A kubelet of the tests' own, for a node of their own on the shared lab: quick, and free to be killed."""

from __future__ import annotations

import os
import typing as t

import pytest

from lab._client import Client

from ._pods import OwnKubelet, Pods, running_kubelet


@pytest.fixture(scope="session")
def api(lab: t.Any) -> Client:
    return t.cast(Client, lab.client("admin", seconds=3600))


@pytest.fixture(scope="session")
def kubelet(lab: t.Any, api: Client, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[OwnKubelet]:
    name = f"kubelet-test-{os.getpid()}"
    with running_kubelet(lab, api, tmp_path_factory.mktemp("kubelet"), name, gpus=8) as own:
        yield own


@pytest.fixture
def pods(api: Client, namespace: str, kubelet: OwnKubelet, lab: t.Any) -> t.Iterator[Pods]:
    made = Pods(api, namespace, kubelet, lab)
    yield made
    api.delete(f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": 1})
