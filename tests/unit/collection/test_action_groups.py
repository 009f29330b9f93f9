"""The group ``inference.vllm.vllm``: one ``module_defaults`` entry reaches every module of ours."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODULES = sorted((ROOT / "plugins" / "modules").glob("vllm_*.py"))
ACTIONS = sorted((ROOT / "plugins" / "action").glob("vllm_*.py"))
FRAGMENT = "inference.vllm._attributes.actiongroup_vllm"


def documentation(path: pathlib.Path) -> dict[str, t.Any]:
    """The module's DOCUMENTATION, read without importing it."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path.name} has no DOCUMENTATION")


def test_group_lists_every_module_and_action_in_order() -> None:
    group = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["vllm"]
    assert group == sorted({path.stem for path in MODULES + ACTIONS})


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_every_action_has_a_module_of_its_name_that_documents_it(path: pathlib.Path) -> None:
    assert path.stem in {module.stem for module in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_documents_that_it_is_in_the_group(path: pathlib.Path) -> None:
    assert FRAGMENT in documentation(path)["extends_documentation_fragment"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_says_its_name_and_whether_it_checks_diffs_and_repeats(path: pathlib.Path) -> None:
    text = documentation(path)
    inherited = text["extends_documentation_fragment"]
    said = set(text.get("attributes", {})) | ({"check_mode", "diff_mode", "idempotent"} if "inference.vllm._attributes.reads_only" in inherited else set())
    assert text["module"] == path.stem
    assert {"check_mode", "diff_mode", "idempotent"} <= said
