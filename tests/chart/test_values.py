"""values.yaml, its schema and the lists beside them agree with each other and with vLLM's own lists."""

from __future__ import annotations

import itertools
import json
import re
import typing as t

import pytest
import yaml

from tests.chart._render import CHART, ENVIRONMENTS, ROOT, Values

SCHEMA: Values = json.loads((CHART / "values.schema.json").read_text())
VALUES: Values = yaml.safe_load((CHART / "values.yaml").read_text())
ENGINE_DATA = ROOT / "lab" / "engine" / "data"
FLAGS = {flag for line in (ENGINE_DATA / "flags.tsv").read_text().splitlines() if line.startswith("-") for flag in line.split("\t")[0].split()}

#: In the schema alone: Helm gives it to dependencies.
NOT_IN_VALUES = {"global"}


def chart_list(name: str) -> dict[str, str]:
    return t.cast("dict[str, str]", yaml.safe_load((CHART / "files" / name).read_text()))


def nodes(schema: t.Any, path: str = "") -> t.Iterator[tuple[str, Values]]:
    if isinstance(schema, dict):
        yield path, schema
        for name, inner in schema.items():
            yield from nodes(inner, f"{path}/{name}")
    elif isinstance(schema, list):
        for position, inner in enumerate(schema):
            yield from nodes(inner, f"{path}/{position}")


def names(values: Values, schema: Values, path: str = "") -> t.Iterator[tuple[str, set[str], set[str]]]:
    """Each map of values beside the names that the schema gives it."""
    yield path, set(values), set(schema["properties"])
    for name, value in values.items():
        inner = schema["properties"][name]
        inner = SCHEMA["definitions"][inner["$ref"].rsplit("/", 1)[1]] if "$ref" in inner else inner
        if isinstance(value, dict) and value and "properties" in inner:
            yield from names(value, inner, f"{path}.{name}")


def test_every_map_of_the_schema_refuses_unknown_names() -> None:
    maps = [(path, node) for path, node in nodes(SCHEMA) if isinstance(node.get("properties"), dict)]
    opened = [path for path, node in maps if node.get("additionalProperties") is not False]
    assert opened == []


def test_values_and_schema_name_the_same() -> None:
    for path, in_values, in_schema in names(VALUES, SCHEMA):
        if path.startswith((".resources.", ".apiKey.", ".hfToken.")):
            continue
        assert in_values == in_schema - NOT_IN_VALUES, path


def test_every_value_has_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = {"nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName", "podAnnotations", "podLabels"}
    silent = []
    for before, line in itertools.pairwise(lines):
        top = re.match(r"([a-zA-Z]+):", line)
        if top and top.group(1) not in bare and not before.startswith("#"):
            silent.append(top.group(1))
    # These hold values that are each commented.
    assert set(silent) <= {"model", "image", "gpu", "rollout", "probes", "service", "serviceAccount"}


@pytest.mark.parametrize("name", chart_list("engine-flags.yaml"))
def test_each_engine_value_becomes_a_flag_that_vllm_has(name: str) -> None:
    assert name in VALUES["engine"]
    assert chart_list("engine-flags.yaml")[name] in FLAGS


def test_each_engine_value_has_a_flag() -> None:
    assert set(VALUES["engine"]) - set(chart_list("engine-flags.yaml")) == {"extraArgs", "extraEnvNames", "version"}


def test_no_flag_of_vllm_is_refused_for_being_the_beginning_of_another() -> None:
    refused = {*chart_list("refused-flags.yaml"), *chart_list("engine-flags.yaml").values()}
    assert [flag for flag in FLAGS - refused if flag.startswith("--") and any(other.startswith(flag) for other in refused)] == []


def test_what_is_called_gone_is_gone() -> None:
    gone = [flag for flag, advice in chart_list("refused-flags.yaml").items() if "no such flag" in advice or "logs no requests" in advice]
    assert len(gone) >= 7
    assert FLAGS.isdisjoint(gone)


def test_every_other_spelling_of_a_refused_flag_is_refused() -> None:
    refused = {*chart_list("refused-flags.yaml"), *chart_list("engine-flags.yaml").values()}
    for line in (ENGINE_DATA / "flags.tsv").read_text().splitlines():
        spellings = set(line.split("\t")[0].split())
        assert spellings <= refused or spellings.isdisjoint(refused), spellings


def test_the_environment_names_are_those_of_the_engine() -> None:
    def read(text: str) -> set[str]:
        return {line for line in text.splitlines() if line.startswith("VLLM_")}

    # VLLM_PORT's reader stands apart in vLLM, the rest is one table.
    assert read((CHART / "files" / "vllm-environment.txt").read_text()) ^ read((ENGINE_DATA / "environment.txt").read_text()) <= {"VLLM_PORT"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_values_of_an_environment_say_which_it_is(environment: str) -> None:
    values = yaml.safe_load((CHART / f"values-{environment}.yaml").read_text())
    assert values["environment"] == environment
    assert {"model", "image", "engine"}.isdisjoint(values), "what changes the answers belongs to the model, not to the environment"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_staging_and_production_are_closed(environment: str) -> None:
    values = yaml.safe_load((CHART / f"values-{environment}.yaml").read_text())
    assert values["networkPolicy"]["enabled"] is True
    assert values["apiKey"]["existingSecret"]
