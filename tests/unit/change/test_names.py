"""A model's name as a Helm release: what the operator did not choose must work everywhere."""

from __future__ import annotations

import re

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.change import _names as names
from hypothesis import example, given
from hypothesis import strategies as st

ENVIRONMENTS = ("development", "staging", "production")
SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

environments = st.sampled_from(ENVIRONMENTS)
# Free text, and names such as models really have.
models = st.text(max_size=120) | st.text("abcxyz019.-_/AB vllm", max_size=70)


@given(models, environments)
@example("vllm", "development")
@example("vllm-7b", "staging")
@example("1", "production")
@example("", "development")
@example("a" * 200, "production")
@example("İß漢字", "development")
@example("a\n", "development")
@example("-", "staging")
@example("x" * 35 + "--" * 10, "development")
def test_every_model_has_a_release_that_helm_a_service_and_vllm_can_live_with(model: str, environment: str) -> None:
    release = names.release_name(model, environment)
    assert SERVICE.fullmatch(release)
    assert len(release) <= 53
    assert not release.startswith("vllm-")
    assert release.endswith(f"-{environment}")
    names.check_release(release)
    assert names.release_name(model, environment) == release


@given(st.from_regex(r"[a-u]([-a-z0-9]{0,30}[a-z0-9])?", fullmatch=True), environments)
def test_a_name_that_is_safe_is_kept_as_it_is(model: str, environment: str) -> None:
    assert names.release_name(model, environment) == f"{model}-{environment}"


@given(st.lists(models, min_size=2, max_size=12, unique=True))
@example(["qwen2.5-7b", "qwen2-5-7b", "qwen2_5-7b", "Qwen2.5-7b", "qwen2.5-7B"])
@example(["a" * 90 + "x", "a" * 90 + "y"])
@example(["", " ", "-", "m", "M"])
def test_two_models_never_share_a_release(models: list[str]) -> None:
    releases = {(model, environment): names.release_name(model, environment) for model in models for environment in ENVIRONMENTS}
    assert len(set(releases.values())) == len(releases)


@pytest.mark.parametrize(
    ("model", "release"),
    [
        ("qwen2.5-7b", "qwen2-5-7b-5f5e97-development"),
        ("vllm", "m-vllm-ec8207-development"),
        ("llama-3-8b", "llama-3-8b-development"),
    ],
)
def test_the_name_is_the_same_on_every_day(model: str, release: str) -> None:
    """A changed rule would deploy a second release beside the first."""
    assert names.release_name(model, "development") == release


@given(st.text(max_size=70))
@example("a\n")
def test_a_release_name_is_either_refused_or_safe_everywhere(name: str) -> None:
    if names.refusal(name) is None:
        assert SERVICE.fullmatch(name)
        assert len(name) <= 53
        assert name != "vllm"
        assert not name.startswith("vllm-")


@pytest.mark.parametrize("release", ["", "Llama", "a_b", "-a", "a-", "1a", "a.b", "a\n", "{{ x }}", "a" * 54, "vllm", "vllm-development"])
def test_a_release_that_cannot_work_is_refused_with_the_variable_to_set(release: str) -> None:
    with pytest.raises(InputError, match="vllm_release") as refused:
        names.check_release(release)
    assert refused.value.code == "bad_release_name"


@pytest.mark.parametrize("release", ["a", "a" * 53, "vllmx", "my-vllm", "a-1"])
def test_a_release_that_works_is_not_refused(release: str) -> None:
    names.check_release(release)


@pytest.mark.parametrize("namespace", ["", "A", "a_b", "a.b", "-a", "a-", "a\n", "a" * 64])
def test_a_namespace_that_cannot_be_is_refused_with_the_variable_to_set(namespace: str) -> None:
    with pytest.raises(InputError, match="vllm_namespace") as refused:
        names.check_namespace(namespace)
    assert refused.value.code == "bad_namespace"


@pytest.mark.parametrize("namespace", ["a", "0", "a-1", "a" * 63])
def test_a_namespace_that_can_be_is_not_refused(namespace: str) -> None:
    names.check_namespace(namespace)
