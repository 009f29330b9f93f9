"""Kubeconfigs and options: who one is and where agrees with the kubernetes package's loader and with kubectl, or is refused."""

from __future__ import annotations

import base64
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _credentials, _kubeconfig
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection, connect
from ansible_collections.inference.vllm.plugins.module_utils.cluster._errors import ConnectionConfigError

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


ECHO_TOKEN = """echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "from-plugin"}}'"""


def plugin(name: str) -> Json:
    """An exec plugin in the folder of its kubeconfig."""
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": f"sub/{name}", "interactiveMode": "Never", "installHint": "get it from the shop"}


def program(path: pathlib.Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def credential(status: Json) -> str:
    """A shell command that answers as a plugin does; ``$n`` is the shell's."""
    content = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
    return f"cat <<END\n{content}\nEND"


def jwt(seconds: float) -> str:
    """A token that ends in so many seconds; nobody checks its signature here."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time() + seconds), "sub": "ann"}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def seen(connection: Connection) -> Json:
    names = ("host", "validate_certs", "tls_server_name", "proxy", "ca_data", "client_cert_data", "client_key_data")
    return {**{name: getattr(connection, name) for name in names}, "authorization": connection.authorization()}


def theirs(path: str) -> Json:
    """The same as the kubernetes package's own loader reads it."""
    from kubernetes import config as loader
    from kubernetes.client import Configuration
    from kubernetes.config import kube_config

    configuration = Configuration()
    loader.load_kube_config(config_file=path, client_configuration=configuration, persist_config=False)

    def content(name: str) -> bytes | None:
        return pathlib.Path(path).read_bytes() if (path := getattr(configuration, name)) else None

    basic = configuration.get_basic_auth_token() if configuration.username else None
    found = {
        "host": configuration.host,
        "validate_certs": configuration.verify_ssl,
        "tls_server_name": configuration.tls_server_name,
        "proxy": configuration.proxy,
        "ca_data": content("ssl_ca_cert"),
        "client_cert_data": content("cert_file"),
        "client_key_data": content("key_file"),
        "authorization": configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix("BearerToken") or basic,
    }
    kube_config._cleanup_temp_files()
    return found


BOTH = [
    config(),
    config({"certificate-authority-data": PEM}),
    config({"insecure-skip-tls-verify": True}),
    config({"tls-server-name": "kubernetes"}),
    config({"proxy-url": "http://10.0.0.9:3128"}),
    config({"server": "https://10.0.0.1:6443/clusters/a/"}),
    config(user={"client-certificate-data": PEM, "client-key-data": PEM}),
    config({"certificate-authority": "ca.crt"}, {"client-certificate": "me.crt", "client-key": "sub/me.key"}),
    config(user={"tokenFile": "sub/me.key"}),
    config(user={"exec": plugin("echo-token")}),
    config(user={"exec": plugin("echo-token"), "token": "abc"}),
    config(user={"auth-provider": {"name": "oidc", "config": {"id-token": jwt(3600)}}}),
    config(user={}),
]


@pytest.mark.parametrize("given", BOTH)
@pytest.mark.parametrize("folder", ["plain", "with a space"])
def test_a_kubeconfig_reads_as_the_package_reads_it(given: Json, folder: str, tmp_path: pathlib.Path) -> None:
    home = tmp_path / folder
    (home / "sub").mkdir(parents=True)
    for name in ("ca.crt", "me.crt", "sub/me.key"):
        (home / name).write_text(name)
    program(home / "sub" / "echo-token", ECHO_TOKEN)
    path = home / "config"
    path.write_text(yaml.safe_dump(given))
    assert seen(connect({"kubeconfig": str(path)})) == theirs(str(path))


def test_a_kubeconfig_needs_nothing_of_the_package(tmp_path: pathlib.Path) -> None:
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
    ("user", "words"),
    [
        ({"exec": plugin("fails")}, "exec plugin .*fails failed: .*the session has expired: log in again"),
        ({"exec": plugin("empty")}, "neither a token nor a certificate"),
        ({"exec": plugin("half")}, "neither a token nor a certificate"),
        ({"exec": plugin("nonsense")}, "exec plugin .*nonsense failed"),
        ({"exec": plugin("not-there")}, "there is no such program; get it from the shop"),
        ({"exec": {"command": "x"}}, "apiVersion"),
        ({"exec": "x"}, "more than one|not a mapping|exec"),
        ({"auth-provider": {"name": "gcp", "config": {"access-token": "a"}}}, "gcp.*use an exec plugin"),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": jwt(-5)}}}, "has expired"),
        ({"auth-provider": {"name": "oidc"}}, "no token with an end"),
        ({"auth-provider": "oidc"}, "use an exec plugin"),
        ({"token": ""}, "although it has token; requests would be anonymous"),
        ({"exec": None}, "although it has exec; requests would be anonymous"),
        ({"token": 5}, "token of its user is not a text"),
        ({"token": "a", "username": "b", "password": "c"}, "more than one way"),
        ({"tokenFile": "none"}, "tokenFile .*none: No such file"),
        ({"client-certificate-data": PEM}, "no client key"),
        ({"client-certificate-data": "%", "client-key-data": PEM}, "not base64"),
        ({"client-certificate": "none", "client-key": "none"}, "client-certificate .*none: No such file"),
        ({"token": "a", "as-groups": ["g"]}, "as-groups without as"),
        ({"token": "a", "as": "b", "as-groups": "g"}, "not a list"),
    ],
)
def test_a_user_who_would_be_nobody_or_somebody_else_is_refused_in_one_sentence(user: Json, words: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "sub").mkdir()
    program(tmp_path / "sub" / "fails", "echo 'the session has expired: log in again' >&2; exit 1")
    program(tmp_path / "sub" / "empty", credential({}))
    program(tmp_path / "sub" / "half", credential({"clientCertificateData": "c"}))
    program(tmp_path / "sub" / "nonsense", "echo hello")
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config(user=user)))
    with pytest.raises(ConnectionConfigError, match=words) as caught:
        connect({"kubeconfig": str(path)})
    assert str(caught.value).startswith(f"kubeconfig {path} cannot be used: ")
    assert "\n" not in str(caught.value)
    assert caught.value.code == "connection_config"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "names no current-context"),
        ({"contexts": "x"}, "contexts is not a list"),
        ({"contexts": [1]}, "an entry of contexts"),
        (config({"proxy-url": "socks5://p:1"}), "socks5.* is not supported"),
        (config({"certificate-authority-data": "%"}), "not base64"),
        (config({"server": ""}), "no URL that begins with https"),
        (config({"server": "10.0.0.1:6443"}), "no URL that begins with https"),
        (config(clusters=None), "it has no cluster c"),
        (config(users=[]), "it has no user u"),
        (config(users=[{"name": "u", "user": {}}] * 2), "the name u comes twice in users"),
    ],
)
def test_what_is_not_whole_is_refused(given: Json, words: str) -> None:
    with pytest.raises(ConnectionConfigError, match=words):
        connect({"kubeconfig": given})


def test_a_context_that_names_no_user_is_anonymous_as_with_kubectl() -> None:
    given = config(contexts=[{"name": "x", "context": {"cluster": "c"}}])
    assert connect({"kubeconfig": given}).headers() == []


def test_a_plugin_is_asked_once_and_again_when_its_token_has_expired(tmp_path: pathlib.Path) -> None:
    count = tmp_path / "count"
    later = (datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(seconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    path = program(tmp_path / "plugin", f"echo x >> '{count}'; n=$(wc -l < '{count}'); " + credential({"token": "token-$n", "expirationTimestamp": later}))
    connection = connect({"kubeconfig": config(user={"exec": {**plugin("x"), "command": path}})})
    assert [connection.authorization() for _ in range(3)] == ["Bearer token-1"] * 3
    time.sleep(1.1)
    assert connection.authorization() == "Bearer token-2"


def test_a_plugin_that_gives_a_certificate_is_that_certificates_user(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path / "plugin", credential({"clientCertificateData": "cert", "clientKeyData": "key"}))
    connection = connect({"kubeconfig": config(user={"exec": {**plugin("x"), "command": path}})})
    assert (connection.client_cert_data, connection.client_key_data, connection.authorization()) == (b"cert", b"key", None)


def test_a_plugin_that_waits_for_a_person_does_not_hang_the_play(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_credentials, "PLUGIN_SECONDS", 0.2)
    path = program(tmp_path / "plugin", "exec sleep 5")
    with pytest.raises(ConnectionConfigError, match=r"did not end within 0\.2 s"):
        connect({"kubeconfig": config(user={"exec": {**plugin("x"), "command": path}})})


def test_a_token_that_is_given_needs_no_plugin(tmp_path: pathlib.Path) -> None:
    given = config(user={"exec": plugin("not-there")})
    assert connect({"kubeconfig": given, "api_key": "mine"}).authorization() == "Bearer mine"


def test_the_first_file_that_says_something_wins_and_paths_belong_to_their_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "ca.crt").write_text(f"{folder.name}-----BEGIN ")
    first = {"clusters": [{"name": "c", "cluster": {"server": "https://first:1", "certificate-authority": "ca.crt"}}]}
    (one / "config").write_text(yaml.safe_dump(first))
    (two / "config").write_text(yaml.safe_dump(config({"certificate-authority": "ca.crt", "tls-server-name": "only-in-two"})))
    monkeypatch.setenv("KUBECONFIG", f":{tmp_path}/none:{one}/config:{two}/config:")
    connection = connect({})
    assert (connection.host, connection.ca_data) == ("https://first:1", b"one-----BEGIN ")
    # Entries are taken whole.
    assert connection.tls_server_name is None
    assert connection.authorization() == "Bearer abc"
    assert connect({"kubeconfig": f"{two}/config:{one}/config"}).host == "https://10.0.0.1:6443"


def test_the_first_current_context_wins(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubernetes package lets the last one win: another cluster than kubectl's."""
    other = {"current-context": "y", "contexts": [{"name": "y", "context": {"cluster": "d"}}], "clusters": [{"name": "d", "cluster": {"server": "https://d"}}]}
    (tmp_path / "a").write_text(yaml.safe_dump(config()))
    (tmp_path / "b").write_text(yaml.safe_dump(other))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    assert connect({}).host == "https://10.0.0.1:6443"
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/b:{tmp_path}/a")
    assert connect({}).host == "https://d"


def test_a_pod_without_a_kubeconfig_is_its_service_account(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kubeconfig, "SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConnectionConfigError, match="there is no such file"):
        connect({})
    (tmp_path / "token").write_text("one\n")
    (tmp_path / "ca.crt").write_text("-----BEGIN ")
    connection = connect({})
    assert (connection.host, connection.ca_data, connection.authorization()) == ("https://[fd00::1]:443", b"-----BEGIN ", "Bearer one")
    # Somewhere else was meant.
    with pytest.raises(ConnectionConfigError, match="there is no such file"):
        connect({"context": "x"})


def test_whom_to_act_as_is_read_from_the_kubeconfig_and_from_the_options() -> None:
    acting = {"token": "t", "as": "ann", "as-uid": "7", "as-groups": ["one", "two"], "as-user-extra": {"reason/why": ["a", "b"]}}
    expected = [
        ("Authorization", "Bearer t"),
        ("Impersonate-User", "ann"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "one"),
        ("Impersonate-Group", "two"),
        ("Impersonate-Extra-reason%2Fwhy", "a"),
        ("Impersonate-Extra-reason%2Fwhy", "b"),
    ]
    assert connect({"kubeconfig": config(user=acting)}).headers() == expected
    other = connect({"kubeconfig": config(user={"token": "t", "as": "ann"}), "impersonate_user": "bob", "impersonate_groups": ["three"]})
    assert other.headers()[1:] == [("Impersonate-User", "bob"), ("Impersonate-Group", "three")]
    with pytest.raises(ConnectionConfigError, match="impersonate_groups needs impersonate_user"):
        connect({"kubeconfig": config(), "impersonate_groups": ["three"]})


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


def test_options_win_over_the_kubeconfig(tmp_path: pathlib.Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)
    files = {"ca_cert": f"{tmp_path}/ca", "client_cert": f"{tmp_path}/cert", "client_key": f"{tmp_path}/key"}
    given = {"kubeconfig": config(), "host": "https://other:6443/", "api_key": "mine", "validate_certs": False, "proxy": "http://p:1"}
    connection = connect({**given, **files})
    assert (connection.host, connection.authorization(), connection.validate_certs, connection.proxy) == (
        "https://other:6443",
        "Bearer mine",
        False,
        "http://p:1",
    )
    assert (connection.ca_data, connection.client_cert_data, connection.client_key_data) == (b"ca", b"cert", b"key")


@pytest.mark.parametrize("options", [{"username": "a"}, {"password": "b"}, {"username": "a", "host": "https://other"}])
def test_half_a_password_is_refused_and_not_anonymous(options: Json) -> None:
    with pytest.raises(ConnectionConfigError, match="username and password belong together"):
        connect({"kubeconfig": config(), **options})


@pytest.mark.parametrize("host", ["other:6443", "ftp://other", "https://", "https://other:port"])
def test_a_host_that_is_no_url_is_refused(host: str) -> None:
    with pytest.raises(ConnectionConfigError, match="is no URL"):
        connect({"host": host, "api_key": "mine"})


def test_secrets_are_not_in_the_words_of_a_connection() -> None:
    connection = connect({"kubeconfig": config({"proxy-url": "http://u:canary@p:1"}, {"client-certificate-data": PEM, "client-key-data": PEM})})
    assert "canary" not in repr(connection)
    assert "client_key" not in repr(connection)


def test_host_and_key_alone_need_no_kubeconfig() -> None:
    connection = connect({"host": "https://other:6443", "api_key": "mine"})
    assert (connection.host, connection.authorization(), connection.validate_certs) == ("https://other:6443", "Bearer mine", True)
    assert connect({"host": "https://other:6443", "username": "a", "password": "b"}).authorization() == "Basic YTpi"


def test_certificates_that_cannot_be_loaded_are_named() -> None:
    with pytest.raises(ConnectionConfigError, match="check ca_cert, client_cert and client_key"):
        connect({"host": "https://other:6443", "api_key": "mine", "ca_cert": "/none"}).tls()
