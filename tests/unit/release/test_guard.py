"""What is refused before anything is changed."""

from __future__ import annotations

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.release import _guard as guard
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
