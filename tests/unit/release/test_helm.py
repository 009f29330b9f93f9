"""How the helm program is run: on one connection's cluster and user, without a secret where others can read it."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import DeadlineError, InputError
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _private_file
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection
from ansible_collections.inference.vllm.plugins.module_utils.release import _helm as helm

NOWHERE = Connection("https://10.0.0.1:6443", lambda: "Bearer canary")


def program(folder: pathlib.Path, text: str) -> str:
    path = folder / "helm"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def ran(connection: Connection, path: str, *words: str) -> str:
    return helm.Helm(connection, Deadline(5), program=path).run(*(words or ("list",)))


def given(connection: Connection, folder: pathlib.Path) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The cluster and the user that helm finds in its kubeconfig."""
    document = json.loads(ran(connection, program(folder, 'cat "$KUBECONFIG"')))
    assert document["current-context"] == document["contexts"][0]["name"]
    assert "namespace" not in document["contexts"][0]["context"]
    return document["clusters"][0]["cluster"], document["users"][0]["user"]


def test_a_token_is_neither_on_the_command_line_nor_in_the_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_API_KEY", "canary")
    monkeypatch.setenv("HELM_KUBETOKEN", "canary")
    said = ran(NOWHERE, program(tmp_path, 'env; echo "$0 $*"'))
    assert "KUBECONFIG=" in said
    assert "canary" not in said


def test_everything_that_a_connection_says_reaches_helm(tmp_path: pathlib.Path) -> None:
    connection = Connection(
        "https://10.0.0.1:6443/clusters/a",
        lambda: "Bearer canary",
        ca_data=b"ca",
        client_cert_data=b"cert",
        client_key_data=b"key",
        tls_server_name="kubernetes",
        proxy="http://p:1",
        impersonate_user="ann",
        impersonate_groups=("one", "two"),
        impersonate_uid="7",
        impersonate_extra=(("why", ("a",)),),
    )
    cluster, user = given(connection, tmp_path)
    assert cluster == {
        "server": "https://10.0.0.1:6443/clusters/a",
        "certificate-authority-data": base64.b64encode(b"ca").decode(),
        "tls-server-name": "kubernetes",
        "proxy-url": "http://p:1",
    }
    assert user == {
        "token": "canary",
        "client-certificate-data": base64.b64encode(b"cert").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
        "as": "ann",
        "as-groups": ["one", "two"],
        "as-uid": "7",
        "as-user-extra": {"why": ["a"]},
    }


def test_without_verification_no_authority_is_named_since_helm_refuses_both(tmp_path: pathlib.Path) -> None:
    cluster, _user = given(Connection("https://h", lambda: None, ca_data=b"ca", validate_certs=False), tmp_path)
    assert cluster == {"server": "https://h", "insecure-skip-tls-verify": True}


@pytest.mark.parametrize(("header", "user"), [("Basic YTpiOmM=", {"username": "a", "password": "b:c"}), (None, {})])
def test_other_users_than_tokens(header: str | None, user: dict[str, str], tmp_path: pathlib.Path) -> None:
    assert given(Connection("https://h", lambda: header), tmp_path)[1] == user


def test_the_token_is_asked_anew_for_each_call(tmp_path: pathlib.Path) -> None:
    tokens = iter(["Bearer one", "Bearer two"])
    runner = helm.Helm(Connection("https://h", lambda: next(tokens)), Deadline(5), program=program(tmp_path, 'cat "$KUBECONFIG"'))
    assert [json.loads(runner.run("list"))["users"][0]["user"]["token"] for _ in range(2)] == ["one", "two"]


@pytest.mark.parametrize(
    "name", ["KUBECONFIG", "HELM_MAX_HISTORY", "HELM_KUBEAPISERVER", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_KUBEASUSER", "K8S_AUTH_PASSWORD"]
)
def test_what_names_another_cluster_or_user_is_not_inherited(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "other")
    monkeypatch.setenv("HELM_CACHE_HOME", "/cache")
    assert name not in helm.environment(NOWHERE)
    assert helm.environment(NOWHERE)["HELM_CACHE_HOME"] == "/cache"


@pytest.mark.parametrize("driver", ["configmap", "sql", "memory"])
def test_a_driver_whose_records_are_not_read_is_refused(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_DRIVER", driver)
    with pytest.raises(InputError) as refused:
        helm.environment(NOWHERE)
    assert refused.value.code == "helm_driver"


@pytest.mark.parametrize("driver", ["", "secret", "secrets"])
def test_helm_s_default_driver_is_not_refused(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_DRIVER", driver)
    assert "HELM_DRIVER" not in helm.environment(NOWHERE)


def test_helm_goes_past_the_proxy_of_the_environment_as_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "registry.example.com")
    assert helm.environment(NOWHERE)["NO_PROXY"] == "registry.example.com,10.0.0.1"
    assert helm.environment(Connection("https://h", lambda: None, proxy="http://p:1"))["NO_PROXY"] == "registry.example.com"


def test_without_anonymous_files_the_kubeconfig_is_a_private_one_for_one_call(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary files"
    folder.mkdir()
    monkeypatch.setattr(_private_file.tempfile, "tempdir", str(folder))
    monkeypatch.delattr(_private_file.os, "memfd_create")
    path = program(tmp_path, 'stat -c "%a" "$KUBECONFIG"; stat -c "%a" "$(dirname "$KUBECONFIG")"; echo "$KUBECONFIG"; [ "$1" != fail ]')
    mode, folders, name = ran(NOWHERE, path).splitlines()
    assert (mode, folders) == ("600", "700")
    assert not os.path.exists(name)
    with pytest.raises(helm.HelmError):
        ran(NOWHERE, path, "fail")
    with pytest.raises(DeadlineError):
        helm.Helm(NOWHERE, Deadline(0.3), program=program(tmp_path, "exec sleep 30")).run("list")
    assert list(folder.iterdir()) == []


def test_a_program_in_a_folder_with_a_space(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "my programs"
    folder.mkdir()
    assert ran(NOWHERE, program(folder, "echo $#"), "list", "one two") == "2\n"


def test_helms_own_last_words_are_the_error(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'echo "WARNING: noise" >&2; echo "Error: UPGRADE FAILED: it is so" >&2; exit 1')
    with pytest.raises(helm.HelmError, match=r"^helm upgrade failed: UPGRADE FAILED: it is so$"):
        ran(NOWHERE, path, "upgrade")


def test_what_a_chart_refuses_is_told_without_helms_advice_to_its_author() -> None:
    said = "Error: execution error at (c/templates/deployment.yaml:1:4): no such values:\n- one\n\nUse --debug flag to render out invalid YAML\n"
    assert helm.last_words(said) == "no such values: - one"


def test_a_helm_that_hangs_is_ended_by_the_deadline(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, "exec sleep 30")
    with pytest.raises(DeadlineError, match="helm upgrade did not finish"):
        helm.Helm(NOWHERE, Deadline(0.3), program=path).run("upgrade")


def test_no_helm_is_said_in_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="install Helm 3 or 4"):
        helm.find(str(tmp_path / "nowhere"))
