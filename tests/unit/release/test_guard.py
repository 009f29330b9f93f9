"""What is refused before anything is changed."""

from __future__ import annotations

import os
import pathlib

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import DeadlineError, InputError
from ansible_collections.inference.vllm.plugins.module_utils.release import _guard as guard
from ansible_collections.inference.vllm.plugins.module_utils.release import _helm as helm
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("Llama", "not a DNS label"),
        ("a_b", "not a DNS label"),
        ("-a", "not a DNS label"),
        ("a\n", "not a DNS label"),
        ("{{ x }}", "not a DNS label"),
        ("a" * 54, "Helm takes 53"),
        ("vllm", "VLLM_"),
        ("vllm-development", "VLLM_DEVELOPMENT_"),
    ],
)
def test_release_names_that_cannot_work_are_refused(release: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        guard.check_names(release, "ns", "")


@given(st.text(max_size=60))
def test_a_name_is_either_refused_in_words_or_safe_everywhere(name: str) -> None:
    try:
        guard.check_names(name, "ns", "")
    except InputError:
        return
    assert name.isascii()
    assert name == name.lower()
    assert not set(name) & set(" /\\\"'{}$;&|\n\0")


def test_a_revision_must_fit_into_a_label() -> None:
    with pytest.raises(InputError, match="label value"):
        guard.check_names("m", "ns", "has space")


def test_helm_2_is_refused_and_helm_3_and_4_are_not() -> None:
    with pytest.raises(InputError, match="install Helm 3 or 4"):
        guard.check_helm((2, 17, 0))
    guard.check_helm((3, 21, 4))
    guard.check_helm((4, 2, 3))


def test_the_denied_sentence_names_rule_place_and_next_step() -> None:
    denied = [guard.Permission("create", "apps", "deployments"), guard.Permission("list", "", "nodes", namespaced=False)]
    sentence = guard.denied_sentence(denied, "staging")
    assert "create deployments.apps in namespace staging, list nodes cluster-wide" in sentence
    assert "operator" in sentence


def test_secrets_are_found_by_the_values_that_name_them() -> None:
    values = {"apiKey": {"existingSecret": {"name": "a", "key": "k"}}, "hfToken": {"existingSecret": {}}}
    assert guard.secret_references(values) == [guard.SecretReference("apiKey.existingSecret", "a", "k")]


def program(folder: pathlib.Path, text: str) -> str:
    path = folder / "helm"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_token_goes_by_environment_and_never_on_the_command_line(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'echo "$HELM_KUBETOKEN|$*"')
    said = helm.Helm({"api_key": "canary", "host": "https://h"}, Deadline(5), program=path).run("list")
    assert said == "canary|list\n"


def test_another_clusters_helm_variables_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_KUBEAPISERVER", "https://other")
    assert "HELM_KUBEAPISERVER" not in helm.environment({})


def test_a_kubeconfig_given_as_a_dictionary_is_a_private_file_for_one_call(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'stat -c "%a" "$KUBECONFIG"; echo "$KUBECONFIG"; cat "$KUBECONFIG"')
    mode, name, content = helm.Helm({"kubeconfig": {"a": 1}}, Deadline(5), program=path).run("x").splitlines()
    assert (mode, content) == ("600", '{"a": 1}')
    assert not os.path.exists(name)


def test_helms_own_last_words_are_the_error(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, 'echo "WARNING: noise" >&2; echo "Error: UPGRADE FAILED: it is so" >&2; exit 1')
    with pytest.raises(helm.HelmError, match=r"^helm upgrade failed: UPGRADE FAILED: it is so$"):
        helm.Helm({}, Deadline(5), program=path).run("upgrade")


def test_what_a_chart_refuses_is_told_without_helms_advice_to_its_author() -> None:
    said = "Error: execution error at (c/templates/deployment.yaml:1:4): no such values:\n- one\n\nUse --debug flag to render out invalid YAML\n"
    assert helm.last_words(said) == "no such values: - one"


def test_a_helm_that_hangs_is_ended_by_the_deadline(tmp_path: pathlib.Path) -> None:
    path = program(tmp_path, "exec sleep 30")
    with pytest.raises(DeadlineError, match="helm upgrade did not finish"):
        helm.Helm({}, Deadline(0.3), program=path).run("upgrade")


def test_no_helm_is_said_in_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="install Helm 3 or 4"):
        helm.find(str(tmp_path / "nowhere"))
