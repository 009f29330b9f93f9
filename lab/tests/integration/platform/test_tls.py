"""Every connection is verified both ways."""

from __future__ import annotations

import http.client
import pathlib
import ssl
import typing as t

import pytest
import yaml

from lab._api import healthz, trust
from lab._client import Unauthorized

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


@pytest.mark.parametrize("part", SERVERS)
def test_a_client_without_the_labs_authority_trusts_no_part(lab: t.Any, part: str) -> None:
    seen = healthz(lab.state.ports[part], "/healthz", ssl.create_default_context())
    assert seen is not None
    assert "CERTIFICATE_VERIFY_FAILED" in seen


def test_the_two_authorities_do_not_vouch_for_each_other(lab: t.Any) -> None:
    seen = healthz(lab.state.ports["kube-apiserver"], "/readyz", trust(lab.layout, authority="etcd-ca"))
    assert seen is not None
    assert "CERTIFICATE_VERIFY_FAILED" in seen


@pytest.mark.parametrize("identity", [None, "operator", "admin"])
def test_etcd_refuses_everybody_but_the_api_server(lab: t.Any, identity: str | None) -> None:
    seen = healthz(lab.state.ports["etcd"], "/readyz", trust(lab.layout, authority="etcd-ca", identity=identity))
    assert seen is not None
    assert not seen.startswith("HTTP ")
    assert healthz(lab.state.ports["etcd"], "/readyz", trust(lab.layout, authority="etcd-ca", identity="etcd-client")) is None


def test_the_api_server_answers_nobody_without_credentials(lab: t.Any) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", lab.state.ports["kube-apiserver"], timeout=5, context=trust(lab.layout))
    try:
        connection.request("GET", "/api/v1/namespaces/staging/pods")
        assert connection.getresponse().status in {401, 403}
    finally:
        connection.close()


def test_a_certificate_of_another_authority_is_nobody(lab: t.Any, tmp_path: pathlib.Path) -> None:
    from lab import _pki

    _pki.ensure(tmp_path)
    context = trust(lab.layout)
    context.load_cert_chain(str(tmp_path / "admin.pem"))
    api = lab.client("admin")
    api._tls = context
    with pytest.raises(Unauthorized):
        api.get("/api/v1/nodes")


def test_no_kubeconfig_and_no_flag_skips_verification(lab: t.Any) -> None:
    kubeconfigs = [*lab.layout.state.glob("kubeconfig*"), *lab.layout.pki.glob("*.kubeconfig")]
    assert len(kubeconfigs) == 7
    for path in kubeconfigs:
        clusters = yaml.safe_load(path.read_text(encoding="utf-8"))["clusters"]
        assert all(set(entry["cluster"]) == {"server", "certificate-authority-data"} for entry in clusters), path
        assert path.stat().st_mode & 0o077 == 0, path
    for process in lab.state.processes.values():
        assert b"insecure" not in pathlib.Path(f"/proc/{process['pid']}/cmdline").read_bytes()


def test_all_ports_listen_on_loopback_only(lab: t.Any) -> None:
    wanted = {f"{port:04X}" for port in lab.state.ports.values()}
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    listening = {row[1].split(":")[1]: row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].split(":")[1] in wanted}
    assert set(listening) == wanted
    assert set(listening.values()) == {"0100007F"}
    everywhere = [line.split()[1] for line in pathlib.Path("/proc/net/tcp6").read_text(encoding="ascii").splitlines()[1:]]
    assert [address for address in everywhere if address.split(":")[1] in wanted] == []
