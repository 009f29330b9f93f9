"""Each value, variable, role and playbook that a sentence of the product names is there: advice that cannot be followed is worse than none."""

from __future__ import annotations

import ast
import json
import pathlib
import re
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils.apply._settings import KNOWN

ROOT = pathlib.Path(__file__).resolve().parents[3]
UTILS = ROOT / "plugins" / "module_utils"
SCHEMA: dict[str, t.Any] = json.loads((ROOT / "charts" / "vllm-deployment" / "values.schema.json").read_text())
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
MODULES = {path.stem for path in (ROOT / "plugins" / "modules").glob("vllm_*.py")}
GROUPS = {"vllm_models"}
#: Users of the database that the schema's grants name, and the package of the routers.
OTHERS = {"vllm_operator", "vllm_reader", "vllm_migrator", "vllm_routes"}

VARIABLE = re.compile(r"\bvllm_[a-z][a-z0-9_]*")
OF_ROLES = re.compile(rf"\b(?:{'|'.join(ROLES)})_[a-z][a-z0-9_]*")
CHART_VALUE = re.compile(rf"(?<![\w./-])(?:vllm_values\.)?((?:{'|'.join(sorted(SCHEMA['properties']))})(?:\.[a-zA-Z]\w*)+)")
NAMED = re.compile(r"\binference\.vllm\.([a-z_]+)|\bplaybooks/([a-z_]+)\.yml")

Found = list[tuple[str, str]]


def sentences() -> t.Iterator[tuple[str, str]]:
    """Where, and the text of each literal that people read: it has a space. What stands in braces of an f-string is left out."""
    for path in sorted(UTILS.rglob("*.py")):
        tree = ast.parse(path.read_text())
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
                text = node.value
            else:
                continue
            if " " in text.strip():
                yield f"{path.relative_to(UTILS)}:{node.lineno}", text


def found(pattern: re.Pattern[str]) -> Found:
    """Each name with where it stands, once."""
    pairs = {(next(part for part in (*match.groups(), match[0]) if part), where) for where, text in sentences() for match in pattern.finditer(text)}
    return sorted(pairs)


def in_schema(name: str) -> bool:
    """Whether a dotted name leads to a value that the chart's schema knows."""
    here: t.Any = SCHEMA
    for part in name.split("."):
        here = _resolved(here)
        if part not in here.get("properties", {}):
            # A map of the user's own takes any key.
            return isinstance(here.get("additionalProperties"), dict) or ("properties" not in here and "additionalProperties" not in here)
        here = here["properties"][part]
    return True


def _resolved(schema: t.Any) -> t.Any:
    while "$ref" in schema:
        target: t.Any = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    for choice in schema.get("anyOf", ()) or schema.get("oneOf", ()):
        if "properties" in _resolved(choice):
            return _resolved(choice)
    return schema


def role_variables() -> set[str]:
    names: set[str] = set()
    for role in ROLES:
        entries = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"].values()
        names |= {name for entry in entries for name in entry.get("options", {})}
    return names


def test_there_is_advice_to_look_at() -> None:
    """Else the tests below would pass on nothing."""
    assert {"vllm_release", "vllm_allow_downtime"} <= {name for name, _where in found(VARIABLE)}
    assert len(found(CHART_VALUE)) > 5


@pytest.mark.parametrize(("name", "there"), [("engine.extraArgs", True), ("probes.startup.failureThreshold", True), ("engine.extraArg", False)])
def test_the_schema_is_read_as_helm_reads_it(name: str, there: bool) -> None:
    assert in_schema(name) is there


def test_each_chart_value_in_any_sentence_is_in_the_charts_schema() -> None:
    assert [(name, where) for name, where in found(CHART_VALUE) if not in_schema(name)] == []


def test_each_setting_in_any_sentence_is_one_that_the_roles_read() -> None:
    assert [(name, where) for name, where in found(VARIABLE) if name not in KNOWN | MODULES | GROUPS | OTHERS] == []


def test_each_role_variable_in_any_sentence_is_one_of_its_role() -> None:
    known = role_variables() | set(ROLES)
    assert [(name, where) for name, where in found(OF_ROLES) if name not in known] == []


def test_each_role_playbook_and_module_in_any_sentence_is_there() -> None:
    known = PLAYBOOKS | MODULES | set(ROLES) | {"setting", "outcome_table"}
    assert [(name, where) for name, where in found(NAMED) if name not in known] == []
