"""Kubeconfigs and options: our own reading of plain ones agrees with the kubernetes package's loader, and the rest is left to it."""

from __future__ import annotations

import base64
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _connection, _kubeconfig
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection, ConnectionConfigError, connect

ROOT = pathlib.Path(__file__).resolve().parents[3]

Json = dict[str, t.Any]
PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def config(cluster: Json | None = None, user: Json | None = None, **more: t.Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "abc"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        **more,
    }


def seen(connection: Connection) -> Json:
    files = {name: pathlib.Path(path).read_bytes() for name in ("ca_cert", "client_cert", "client_key") if (path := getattr(connection, name))}
    rest = {name: getattr(connection, name) for name in ("host", "validate_certs", "tls_server_name")}
    return {**rest, **files, "authorization": connection.authorization()}


PLAIN = [
    config(),
    config({"certificate-authority-data": PEM}),
    config({"insecure-skip-tls-verify": True}),
    config({"tls-server-name": "kubernetes"}),
    config({"server": "https://10.0.0.1:6443/clusters/a/"}),
    config(user={"client-certificate-data": PEM, "client-key-data": PEM}),
    config({"certificate-authority": "ca.crt"}, {"client-certificate": "me.crt", "client-key": "sub/me.key"}),
    config(user={}),
]


@pytest.mark.parametrize("given", PLAIN)
def test_plain_kubeconfigs_read_as_the_package_reads_them(given: Json, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("ca.crt", "me.crt", "sub/me.key"):
        (tmp_path / name).write_text(name)
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(given))
    ours = seen(connect({"kubeconfig": str(path)}))
    monkeypatch.setattr(_connection, "_plain", lambda options: None)
    assert ours == seen(connect({"kubeconfig": str(path)}))


def test_a_plain_kubeconfig_needs_nothing_of_the_package(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config()))
    code = (
        "import sys; from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect; "
        f"print(connect({{'kubeconfig': {str(path)!r}}}).host, 'kubernetes' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.split() == ["https://10.0.0.1:6443", "False"]


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}},
        {"auth-provider": {"name": "oidc"}},
        {"username": "a", "password": "b"},
        {"token": "abc", "as": "somebody"},
    ],
)
def test_what_is_not_plain_is_left_to_the_package(user: Json) -> None:
    assert _kubeconfig.parse(config(user=user), None, "/") is None


@pytest.mark.parametrize(
    "given",
    [{}, {"contexts": "x"}, config({"proxy-url": "http://p"}), config({"certificate-authority-data": "%"}), config({"server": ""}), config(clusters=None)],
)
def test_what_is_not_whole_is_left_to_the_package(given: Json) -> None:
    assert _kubeconfig.parse(given, None, "/") is None


def test_another_context_is_taken_by_name() -> None:
    given = config()
    given["clusters"].append({"name": "d", "cluster": {"server": "https://10.0.0.2:6443"}})
    given["contexts"].append({"name": "y", "context": {"cluster": "d", "user": "u"}})
    assert connect({"kubeconfig": given, "context": "y"}).host == "https://10.0.0.2:6443"
    with pytest.raises(ConnectionConfigError, match="check kubeconfig and context"):
        connect({"kubeconfig": given, "context": "z"})


def test_a_token_file_is_read_for_each_request(tmp_path: pathlib.Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config(user={"tokenFile": "token"})))
    connection = connect({"kubeconfig": str(path)})
    assert connection.authorization() == "Bearer one"
    token.write_text("two\n")
    assert connection.authorization() == "Bearer two"


@pytest.mark.parametrize("content", ["", "not: [yaml", "a: b", "\0"])
def test_a_broken_kubeconfig_is_refused_in_one_sentence_that_names_it(content: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConnectionConfigError, match=f"kubeconfig {path} cannot be used: ") as caught:
        connect({"kubeconfig": str(path)})
    assert "\n" not in str(caught.value)


def test_a_missing_kubeconfig_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConnectionConfigError, match=f"kubeconfig {tmp_path}/none cannot be used"):
        connect({"kubeconfig": f"{tmp_path}/none"})


def test_the_environment_says_where_when_nothing_else_does(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config()))
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert connect({}).host == "https://10.0.0.1:6443"


def test_options_win_over_the_kubeconfig() -> None:
    connection = connect(
        {"kubeconfig": config(), "host": "https://other:6443/", "api_key": "mine", "validate_certs": False, "client_cert": "/c", "ca_cert": "/a"}
    )
    assert (connection.host, connection.authorization(), connection.validate_certs) == ("https://other:6443", "Bearer mine", False)
    assert (connection.client_cert, connection.ca_cert) == ("/c", "/a")


def test_host_and_key_alone_need_no_kubeconfig() -> None:
    connection = connect({"host": "https://other:6443", "api_key": "mine"})
    assert (connection.host, connection.authorization(), connection.validate_certs) == ("https://other:6443", "Bearer mine", True)
    assert connect({"host": "https://other:6443", "username": "a", "password": "b"}).authorization() == "Basic YTpi"


def test_certificates_that_cannot_be_loaded_are_named() -> None:
    with pytest.raises(ConnectionConfigError, match="check ca_cert, client_cert and client_key"):
        connect({"host": "https://other:6443", "api_key": "mine", "ca_cert": "/none"}).tls()
