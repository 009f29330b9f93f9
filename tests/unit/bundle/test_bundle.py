"""The bundle digest names behavior, and nothing else; and a bundle gives back the values that make it."""

from __future__ import annotations

import copy
import datetime
import json
import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _bundle as bundle
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _chart as chart
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "charts" / "vllm-deployment"
DEFAULTS: bundle.Values = yaml.safe_load((FOLDER / "values.yaml").read_text())
PARTS = ("image", "model", "engine")

CHART = bundle.Chart("vllm-deployment", "0.1.0", "sha256:c", {"engine": {"maxModelLen": None}, "replicas": 1})
VALUES: bundle.Values = {"model": {"source": "m", "servedName": "m"}, "image": {"repository": "vllm/vllm-openai", "tag": "v0.32.0"}}

# Few names, so that defaults and values meet on the same keys at every depth.
names = st.sampled_from(["a", "b", "c", "pullPolicy", "é"])
numbers = st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6, allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2),
    max_leaves=5,
)
maps = st.dictionaries(names, json_values, max_size=4)


@st.composite
def value_files(draw: st.DrawFn) -> bundle.Values:
    """Values of any shape; the parts that a bundle names apart are maps or null, as the chart's schema has them."""
    found: bundle.Values = draw(st.dictionaries(names | st.sampled_from(["env", "replicas", "gpu", "service"]), json_values, max_size=4))
    for part in draw(st.sets(st.sampled_from(PARTS))):
        found[part] = draw(st.none() | maps)
    return found


def named(values: bundle.Values) -> bundle.Values:
    """With an image that has a name."""
    return bundle.merge(values, {"image": {"repository": "r", "tag": "t"}})


def keys(values: bundle.Values) -> set[str]:
    """``image.tag`` where one of the two lists goes into a map, else ``image``."""
    lists = bundle.ENVIRONMENT_VALUES | bundle.BEHAVIOR_VALUES
    found: set[str] = set()
    for name, value in values.items():
        divided = any(listed.startswith(f"{name}.") for listed in lists)
        found |= {f"{name}.{key}" for key in value} if divided else {name}
    return found


@given(value_files(), value_files())
def test_the_values_of_a_bundle_make_the_same_bundle(defaults: bundle.Values, values: bundle.Values) -> None:
    of_any = bundle.Chart("c", "1", "sha256:c", defaults)
    made = bundle.make(of_any, named(values))
    assert bundle.make(of_any, bundle.values_of(made)) == made


@given(value_files(), value_files(), maps)
def test_whatever_the_environment_adds_to_the_values_of_a_bundle_they_make_the_same_bundle(
    defaults: bundle.Values, values: bundle.Values, environment: bundle.Values
) -> None:
    of_any = bundle.Chart("c", "1", "sha256:c", defaults)
    made = bundle.make(of_any, named(values))
    added = {"replicas": 3, "resources": environment, "image": {"pullPolicy": environment, "pullSecrets": []}}
    assert bundle.make(of_any, bundle.merge(bundle.values_of(made), added)) == made


@given(value_files(), value_files())
def test_a_bundle_is_read_back_from_what_the_registry_keeps(defaults: bundle.Values, values: bundle.Values) -> None:
    made = bundle.make(bundle.Chart("c", "1", "sha256:c", defaults), named(values))
    assert bundle.read(json.loads(bundle.canonical(made.content))) == made


@given(value_files())
def test_making_a_bundle_leaves_its_arguments_alone(values: bundle.Values) -> None:
    of_ours, given_values = bundle.Chart("c", "1", "sha256:c", copy.deepcopy(DEFAULTS)), named(values)
    before = copy.deepcopy(given_values)
    made = bundle.make(of_ours, given_values)
    values_of = bundle.values_of(made)
    values_of["image"]["tag"] = "edited"
    assert (given_values, of_ours.defaults) == (before, DEFAULTS)
    assert made.content["image"]["tag"] == "t"


def test_every_key_of_the_charts_values_is_in_exactly_one_list() -> None:
    assert keys(DEFAULTS) == bundle.ENVIRONMENT_VALUES | bundle.BEHAVIOR_VALUES
    assert set() == bundle.ENVIRONMENT_VALUES & bundle.BEHAVIOR_VALUES


@pytest.mark.parametrize("name", sorted(keys(DEFAULTS)))
def test_each_value_of_the_chart_changes_the_digest_when_it_is_behavior_and_only_then(name: str) -> None:
    """By the chart's own keys: nothing here is read from the lists but the expectation."""
    of_ours = bundle.Chart("vllm-deployment", "1", "sha256:c", DEFAULTS)
    top, _dot, inner = name.partition(".")
    other: bundle.Values = {top: {inner: "another"}} if inner else {top: {"any": "thing"}}
    changed = bundle.make(of_ours, bundle.merge(VALUES, other)).digest != bundle.make(of_ours, VALUES).digest
    assert changed == (name in bundle.BEHAVIOR_VALUES)


def test_the_two_names_that_promotion_turns_on_are_where_they_belong() -> None:
    assert {"image.digest", "model", "engine"} <= bundle.BEHAVIOR_VALUES
    assert {"replicas", "resources", "apiKey", "networkPolicy", "image.pullSecrets"} <= bundle.ENVIRONMENT_VALUES


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
def test_what_changes_behavior_changes_the_digest(changed: dict[str, object]) -> None:
    assert bundle.make(CHART, {**VALUES, **changed}).digest != bundle.make(CHART, VALUES).digest


def test_a_null_where_the_chart_has_nothing_is_the_same_as_not_set() -> None:
    assert bundle.make(CHART, {**VALUES, "engine": {"seed": None}}).digest == bundle.make(CHART, VALUES).digest


def test_a_null_over_a_value_of_the_chart_takes_it_away_and_is_another_bundle() -> None:
    with_size = bundle.Chart("c", "1", "sha256:c", {"model": {"size": "medium"}})
    without = bundle.make(with_size, {**VALUES, "model": {"size": None}})
    assert without.digest != bundle.make(with_size, VALUES).digest
    assert bundle.values_of(without)["model"] == {"size": None}


def test_another_chart_is_another_bundle() -> None:
    other = bundle.Chart(CHART.name, CHART.version, "sha256:d", CHART.defaults)
    assert bundle.make(other, VALUES).digest != bundle.make(CHART, VALUES).digest


def test_an_image_without_tag_and_digest_is_refused() -> None:
    with pytest.raises(InputError, match=r"image\.tag"):
        bundle.make(CHART, {"model": {}, "image": {"repository": "a"}})


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", ["text", 1, True, ["a"]])
def test_a_part_that_is_no_map_is_refused_by_its_name(part: str, value: t.Any) -> None:
    with pytest.raises(InputError, match=part):
        bundle.make(CHART, {**VALUES, part: value})


@pytest.mark.parametrize("schema", [None, 1, "2", bundle.SCHEMA + 1])
def test_the_content_of_another_schema_is_refused(schema: t.Any) -> None:
    with pytest.raises(InputError):
        bundle.read({**bundle.make(CHART, VALUES).content, "schema": schema})


@pytest.mark.parametrize("part", ["chart", "image", "model", "engine", "values"])
def test_a_bundle_without_one_of_its_parts_is_refused(part: str) -> None:
    content = bundle.make(CHART, VALUES).content
    for broken in ({name: value for name, value in content.items() if name != part}, {**content, part: None}):
        with pytest.raises(InputError):
            bundle.read(broken)


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


def as_helm_records(value: t.Any) -> t.Any:
    """Go's encoding/json: every number is a float, one without a fraction is written without one, and keys are text."""
    if isinstance(value, dict):
        return {str(name): as_helm_records(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_helm_records(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@given(st.dictionaries(names | st.integers(0, 20), json_values, max_size=6))
def test_the_digest_of_given_values_is_that_of_helms_record_of_them(values: dict[t.Any, object]) -> None:
    assert bundle.digest(bundle.normal(values)) == bundle.digest(as_helm_records(values))
    assert bundle.normal(bundle.normal(values)) == bundle.normal(values)


def test_a_number_without_a_fraction_is_the_whole_number_that_helm_records() -> None:
    assert bundle.canonical(bundle.normal({"engine": {"gpuMemoryUtilization": 1.0, 8: [-0.0, 0.9]}})) == '{"engine":{"8":[0,0.9],"gpuMemoryUtilization":1}}'


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), b"bytes", float("nan"), float("inf"), 2**53 + 1, 1e30, {1, 2}])
def test_what_helm_cannot_keep_is_refused_by_its_path(value: t.Any) -> None:
    with pytest.raises(InputError, match=r"podAnnotations\.since\[1\]"):
        bundle.normal({"podAnnotations": {"since": ["a", value]}})


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


def test_our_own_chart_is_read_with_its_defaults() -> None:
    read = chart.read(str(FOLDER))
    assert (read.name, read.defaults) == ("vllm-deployment", DEFAULTS)


def test_a_folder_without_a_chart_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"Chart\.yaml"):
        chart.read(str(tmp_path))


@pytest.mark.parametrize("text", ["- a", "a: ["])
def test_a_values_file_that_is_no_map_is_refused_by_its_path(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "v.yaml").write_text(text)
    with pytest.raises(InputError, match=str(tmp_path / "v.yaml")):
        chart.read_values(tmp_path / "v.yaml")


def test_a_values_file_that_is_not_there_is_refused_by_its_path(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        chart.read_values(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "# only words\n", "null\n"])
def test_an_empty_values_file_is_no_values(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "v.yaml").write_text(text)
    assert chart.read_values(tmp_path / "v.yaml") == {}
