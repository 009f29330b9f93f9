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


def refused(site: Site, env: dict[str, str], code: str, *words: str) -> None:
    model = site.model("refused")
    before = site.objects()
    done = site.play("-vvv", env=env)
    assert done.code == 2, done.tail
    for expected in words:
        assert expected in done.words, done.tail
    assert site.outcome(model)["code"] == code
    assert "Traceback" not in done.text
    for name in ("PGPASSWORD", "VLLM_API_KEY", "HF_TOKEN"):
        secret = (site.lab.env() | env)[name]
        assert secret not in done.text, f"{name} was printed"
    assert site.objects() == before
    assert site.rows(model) == []


def test_a_kubeconfig_that_is_not_there(site: Site, tmp_path: pathlib.Path) -> None:
    missing = str(tmp_path / "nowhere")
    refused(site, {"K8S_AUTH_KUBECONFIG": missing, "KUBECONFIG": missing}, "connection_config", missing)


def test_a_kubeconfig_of_another_cluster(site: Site, tmp_path: pathlib.Path, closed_port: int) -> None:
    text = site.lab.kubeconfig().read_text().replace(str(site.lab.state.ports["kube-apiserver"]), str(closed_port))
    other = tmp_path / "kubeconfig"
    other.write_text(text)
    refused(site, {"K8S_AUTH_KUBECONFIG": str(other), "KUBECONFIG": str(other)}, "api_unreachable", f"127.0.0.1:{closed_port}", "Connection refused")


def test_a_wrong_database_password(site: Site) -> None:
    refused(site, {"PGPASSWORD": "canary-of-a-password"}, "database_auth", "vllm_operator")


def test_a_database_that_cannot_be_reached(site: Site, closed_port: int) -> None:
    refused(site, {"PGPORT": str(closed_port)}, "database_unreachable", str(closed_port))


def test_an_account_without_permission(site: Site) -> None:
    viewer = site.lab.env("viewer")
    env = {name: viewer[name] for name in ("K8S_AUTH_KUBECONFIG", "KUBECONFIG")}
    refused(site, env, "forbidden", "secrets", "integrations/kubernetes/operator.yaml")


def test_two_hosts_of_one_play_with_the_same_release(site: Site) -> None:
    one = site.model("one")
    two = site.model("two", release=f"{one}-development")
    other = site.model("other")
    done = site.play()
    assert done.code == 2, done.tail
    assert [site.outcome(model)["code"] for model in (one, two)] == ["duplicate_release", "duplicate_release"]
    assert site.rows(one) == site.rows(two) == []
    assert site.helm_revisions(one) == []
    # Whoever has a release of its own is not in anybody's way.
    assert done.counts[other]["failed"] == 0
    assert site.ready(other)


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
