"""What stands in the way is told in one sentence before anything is changed, and no secret is ever printed."""

from __future__ import annotations

import pathlib

import pytest

from lab.testing import RunningLab
from tests.e2e.conftest import Site


@pytest.fixture
def closed_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def refused(site: Site, env: dict[str, str], *words: str) -> None:
    model = site.model("refused")
    before = site.objects()
    done = site.play("-vvv", env=env)
    assert done.code == 2, done.tail
    for expected in words:
        assert expected in done.words, done.tail
    assert "Traceback" not in done.text
    for name in ("PGPASSWORD", "VLLM_API_KEY", "HF_TOKEN"):
        secret = (site.lab.env() | env)[name]
        assert secret not in done.text, f"{name} was printed"
    assert site.objects() == before
    assert site.rows(model) == []


def test_a_kubeconfig_that_is_not_there(site: Site, tmp_path: pathlib.Path) -> None:
    missing = str(tmp_path / "nowhere")
    refused(site, {"K8S_AUTH_KUBECONFIG": missing, "KUBECONFIG": missing}, f"kubeconfig {missing} cannot be used", "check kubeconfig")


def test_a_kubeconfig_of_another_cluster(site: Site, tmp_path: pathlib.Path, closed_port: int) -> None:
    text = site.lab.kubeconfig().read_text().replace(str(site.lab.state.ports["kube-apiserver"]), str(closed_port))
    other = tmp_path / "kubeconfig"
    other.write_text(text)
    refused(site, {"K8S_AUTH_KUBECONFIG": str(other), "KUBECONFIG": str(other)}, f"127.0.0.1:{closed_port} did not answer", "Connection refused")


def test_a_wrong_database_password(site: Site) -> None:
    refused(site, {"PGPASSWORD": "canary-of-a-password"}, "password", "vllm_operator")


def test_a_database_that_cannot_be_reached(site: Site, closed_port: int) -> None:
    refused(site, {"PGPORT": str(closed_port)}, str(closed_port))


def test_an_account_without_permission(site: Site) -> None:
    viewer = site.lab.env("viewer")
    env = {name: viewer[name] for name in ("K8S_AUTH_KUBECONFIG", "KUBECONFIG")}
    refused(site, env, "not permitted: create deployments.apps in namespace", "integrations/kubernetes/operator.yaml")


def test_no_secret_is_printed_or_stored_by_a_deploy_that_works(site: Site, lab: RunningLab) -> None:
    model = site.model("canary")
    done = site.play("-vvvv", "--diff")
    assert done.code == 0, done.tail
    releases = lab.kubectl("get", "secrets", "-n", site.namespace, "-l", "owner=helm", "-o", "json", who="admin").stdout
    for name in ("PGPASSWORD", "VLLM_API_KEY", "HF_TOKEN"):
        secret = lab.env()[name]
        assert secret not in done.text, f"{name} was printed"
        assert secret not in str(site.rows(model))
        assert secret not in releases
