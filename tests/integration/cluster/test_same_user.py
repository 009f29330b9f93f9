"""Our requests, helm's and kubectl's go to the same cluster as the same user: whatever a kubeconfig says, the server sees no difference."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect
from ansible_collections.inference.vllm.plugins.module_utils.release._helm import Helm

from lab._layout import Layout
from tests.unit.cluster.secure import Authority, api, kubeconfig, proxy

Json = dict[str, t.Any]
BIN = Layout("none").bin
PLUGIN = """#!/bin/sh
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "from-plugin"}}'
"""
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home and a temporary folder whose paths have a space, and an environment that names no cluster."""
    folder = tmp_path / "a home"
    (folder / "tmp").mkdir(parents=True)
    for name in os.environ:
        if name.startswith(("K8S_AUTH_", "HELM_", "KUBE")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    return folder


def files(home: pathlib.Path, authority: Authority) -> None:
    pair = authority.pair("ann")
    for name, content in {"me.crt": pair.cert, "me.key": pair.key, "ca.crt": authority.pem, "token": b"from-file\n", "plugin": PLUGIN.encode()}.items():
        (home / name).write_bytes(content)
    (home / "plugin").chmod(0o700)


def asked(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_kubectl(*options: str) -> None:
    asked(str(BIN / "kubectl"), *options, "get", "--raw", "/who")


USERS: dict[str, Json] = {
    "token": {"token": "abc"},
    "token file": {"tokenFile": "token"},
    "token and its file": {"token": "abc", "tokenFile": "token"},
    "certificate files": {"client-certificate": "me.crt", "client-key": "me.key"},
    "certificate and token": {"client-certificate": "me.crt", "client-key": "me.key", "token": "abc"},
    "password": {"username": "ann", "password": "p:w"},
    "plugin": {"exec": {**EXEC, "command": "./plugin"}},
    "plugin and token": {"exec": {**EXEC, "command": "./plugin"}, "token": "abc"},
    "somebody else": {"token": "abc", "as": "bob", "as-uid": "7", "as-groups": ["one", "two"], "as-user-extra": {"why/what": ["a", "b"]}},
}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
@pytest.mark.parametrize("user", USERS)
def test_the_server_sees_the_same_user(user: str, helm: str, authority: Authority, home: pathlib.Path) -> None:
    files(home, authority)
    path = home / "config"
    with api(authority, "kubernetes") as (url, seen), proxy("me:pw") as (address, tunnels):
        way = {"certificate-authority": "ca.crt", "certificate-authority-data": "", "tls-server-name": "kubernetes", "proxy-url": f"http://me:pw@{address}"}
        path.write_text(yaml.safe_dump(kubeconfig(url, authority, USERS[user], **way)))
        of_kubectl("--kubeconfig", str(path))
        assert len(tunnels) >= 1
        connection = connect({"kubeconfig": str(path)})
        Client(connection, Deadline(20)).get("/who")
        document = home / "document"
        document.write_text(json.dumps(connection.kubeconfig()))
        of_kubectl("--kubeconfig", str(document))
        Helm(connection, Deadline(60), program=str(BIN / helm)).run("list", "--namespace", "n")
        assert set(tunnels) == {url.removeprefix("https://")}
    by_kubectl, *others = seen
    assert len(others) >= 3
    assert [request for request in others if request != by_kubectl] == []
    assert list((home / "tmp").iterdir()) == []


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_who_has_nothing_is_nobody_to_both(helm: str, authority: Authority, home: pathlib.Path) -> None:
    """kubectl would ask the person at the terminal for a name and a password."""
    with api(authority) as (url, seen):
        connection = connect({"kubeconfig": kubeconfig(url, authority, {})})
        Client(connection, Deadline(20)).get("/who")
        Helm(connection, Deadline(60), program=str(BIN / helm)).run("list", "--namespace", "n")
    assert len(seen) >= 2
    assert {(request["who"], request["Authorization"]) for request in seen} == {(None, None)}


REFUSED: dict[str, Json] = {
    "a plugin that fails": {"exec": {**EXEC, "command": "false"}},
    "a plugin that is not there": {"exec": {**EXEC, "command": "./not-there"}},
    "a token and a password": {"token": "abc", "username": "ann", "password": "pw"},
    "a certificate without a key": {"client-certificate": "me.crt"},
    "groups without a user": {"token": "abc", "as-groups": ["one"]},
    "a token file that is not there": {"tokenFile": "none"},
    "an old provider": {"auth-provider": {"name": "gcp"}},
}


@pytest.mark.parametrize("user", REFUSED)
def test_what_kubectl_refuses_we_refuse_and_nothing_is_asked_as_nobody(user: str, authority: Authority, home: pathlib.Path) -> None:
    files(home, authority)
    path = home / "config"
    with api(authority) as (url, seen):
        path.write_text(yaml.safe_dump(kubeconfig(url, authority, REFUSED[user])))
        with pytest.raises(AssertionError):
            of_kubectl("--kubeconfig", str(path))
        with pytest.raises(Error):
            Client(connect({"kubeconfig": str(path)}), Deadline(20)).get("/who")
    assert seen == []


def parts(name: str, server: str, user: Json, **more: t.Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": "ca.crt"}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        **more,
    }


MERGES: dict[str, list[Json]] = {
    "the first current-context": [
        parts("a", "https://a:1", {"token": "a"}, **{"current-context": "a"}),
        parts("b", "https://b:1", {}, **{"current-context": "b"}),
    ],
    "a current-context of the second": [parts("a", "https://a:1", {"token": "a"}), parts("b", "https://b:1", {"token": "b"}, **{"current-context": "b"})],
    "an empty current-context": [
        parts("a", "https://a:1", {}, **{"current-context": ""}),
        parts("b", "https://b:1", {"token": "b"}, **{"current-context": "b"}),
    ],
    "an entry of both": [
        parts("a", "https://first:1", {"token": "first"}, **{"current-context": "a"}),
        parts("a", "https://second:1", {"token": "second", "as": "bob"}),
    ],
    "halves": [
        {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "b", "cluster": {"server": "https://half:1", "certificate-authority": "ca.crt"}}]},
        parts("b", "https://whole:1", {"client-certificate": "me.crt", "client-key": "me.key"}, **{"current-context": "b"}),
    ],
    "a missing one and an empty one": [{}, parts("a", "https://a:1", {"tokenFile": "token"}, **{"current-context": "a"})],
}


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("backwards", [False, True])
def test_merged_kubeconfigs_are_what_kubectl_makes_of_them(
    merge: str, backwards: bool, authority: Authority, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(home / "none")]
    for number, content in enumerate(MERGES[merge]):
        folder = home / f"folder {number}"
        folder.mkdir()
        files(folder, authority)
        (folder / "config").write_text(yaml.safe_dump(content) if content else "")
        paths.append(str(folder / "config"))
    if backwards:
        paths.reverse()
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", *paths]))
    theirs = json.loads(asked(str(BIN / "kubectl"), "config", "view", "--minify", "--flatten", "--raw", "-o", "json"))
    ours = connect({}).kubeconfig()
    assert ours["clusters"][0]["cluster"] == theirs["clusters"][0]["cluster"]
    user = theirs["users"][0]["user"] if theirs.get("users") else {}
    # kubectl names the token's file as its kubeconfig does.
    if user.pop("tokenFile", None):
        user["token"] = "from-file"
    assert ours["users"][0]["user"] == user
