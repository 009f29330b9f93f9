"""The bundle digest names behaviour, and nothing else."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _bundle as bundle
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _chart as chart
from hypothesis import given
from hypothesis import strategies as st

CHART = bundle.Chart("vllm-deployment", "0.1.0", "sha256:c", {"engine": {"maxModelLen": None}, "replicas": 1})
VALUES = {"model": {"source": "m", "servedName": "m"}, "image": {"repository": "vllm/vllm-openai", "tag": "v0.32.0"}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", sorted(bundle.ENVIRONMENT_VALUES))
def test_what_belongs_to_the_environment_does_not_change_the_digest(name: str) -> None:
    assert bundle.make(CHART, {**VALUES, name: {"any": "thing"}}).digest == bundle.make(CHART, VALUES).digest


@pytest.mark.parametrize(
    "changed",
    [
        {"image": {"repository": "vllm/vllm-openai", "tag": "v0.31.0"}},
        {"image": {"repository": "vllm/vllm-openai", "digest": "sha256:" + "0" * 64}},
        {"model": {"source": "m", "servedName": "m", "revision": "abc"}},
        {"engine": {"maxModelLen": 4096}},
        {"env": [{"name": "A", "value": "b"}]},
        {"somethingNew": True},
    ],
)
def test_what_changes_behaviour_changes_the_digest(changed: dict[str, object]) -> None:
    assert bundle.make(CHART, {**VALUES, **changed}).digest != bundle.make(CHART, VALUES).digest


def test_a_null_is_the_same_as_not_set() -> None:
    assert bundle.make(CHART, {**VALUES, "engine": {"seed": None}}).digest == bundle.make(CHART, VALUES).digest


def test_another_chart_is_another_bundle() -> None:
    other = bundle.Chart(CHART.name, CHART.version, "sha256:d", CHART.defaults)
    assert bundle.make(other, VALUES).digest != bundle.make(CHART, VALUES).digest


def test_an_image_without_tag_and_digest_is_refused() -> None:
    with pytest.raises(InputError, match=r"image\.tag"):
        bundle.make(CHART, {"model": {}, "image": {"repository": "a"}})


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_the_canonical_text_does_not_depend_on_key_order(content: dict[str, object]) -> None:
    backwards = dict(reversed(list(content.items())))
    assert bundle.canonical(content) == bundle.canonical(backwards)
    assert json.loads(bundle.canonical(content)) == content


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), st.dictionaries(st.text(max_size=3), json_values, max_size=4))
def test_merging_twice_is_merging_once_and_leaves_its_arguments_alone(below: dict[str, object], above: dict[str, object]) -> None:
    before = (bundle.canonical(below), bundle.canonical(above))
    merged = bundle.merge(below, above)
    assert bundle.merge(merged, above) == merged
    assert (bundle.canonical(below), bundle.canonical(above)) == before


def write(folder: pathlib.Path) -> pathlib.Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: vllm-deployment\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text("replicas: 1\n")
    (folder / "templates" / "a.yaml").write_text("a")
    return folder


def test_the_chart_digest_follows_templates_and_not_readmes_or_places(tmp_path: pathlib.Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    (two / "README.md").write_text("words")
    (two / "values-staging.yaml").write_text("replicas: 3")
    assert chart.read(str(one)) == chart.read(str(two))
    (two / "templates" / "a.yaml").write_text("b")
    assert chart.read(str(one)).digest != chart.read(str(two)).digest


def test_a_folder_without_a_chart_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"Chart\.yaml is missing"):
        chart.read(str(tmp_path))


@pytest.mark.parametrize(("text", "words"), [("- a", "must hold a map"), ("a: [", "is not YAML")])
def test_a_values_file_that_is_no_map_is_refused(tmp_path: pathlib.Path, text: str, words: str) -> None:
    (tmp_path / "v.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        chart.read_values(tmp_path / "v.yaml")
