"""A role's documented defaults are its real ones."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
#: What roles give back, not what they take.
RESULTS = {"apply_outcome"}
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())


def read(*parts: str) -> t.Any:
    path = ROOT.joinpath("roles", *parts)
    return yaml.safe_load(path.read_text()) if path.exists() else None


def options(role: str) -> dict[str, dict[str, t.Any]]:
    """The options of all entry points; the same option must say the same everywhere."""
    found: dict[str, dict[str, t.Any]] = {}
    for entry in read(role, "meta", "argument_specs.yml")["argument_specs"].values():
        for name, option in entry.get("options", {}).items():
            assert found.setdefault(name, option).get("default") == option.get("default"), f"{name} has two defaults"
    return found


def test_there_are_roles() -> None:
    assert {"deploy", "register"} <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_documented_with_its_value(role: str) -> None:
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert (read(role, "defaults", "main.yml") or {}) == documented


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_a_description_and_the_name_of_its_role(role: str) -> None:
    for name, option in options(role).items():
        assert name.startswith(f"{role}_"), name
        assert option.get("type"), f"{name} has no type"
        assert option.get("description"), f"{name} has no description"


#: Roles that change a cluster: their READMEs say what is there afterwards, and what a failure leaves.
CHANGING = ("apply", "deploy", "register", "retire")


def readme(role: str) -> str:
    return (ROOT / "roles" / role / "README.md").read_text()


@pytest.mark.parametrize("role", CHANGING)
def test_every_role_that_changes_a_cluster_says_in_its_readme_what_it_leaves_behind(role: str) -> None:
    for promise in ("**Leaves behind**: ", "**When it fails**: ", "**Check mode**: "):
        assert re.search(rf"{re.escape(promise)}\w+|{re.escape(promise)}`", readme(role)), f"{role} does not say {promise}"


@pytest.mark.parametrize("role", ROLES)
def test_every_readme_shows_how_to_run_the_role_and_names_only_variables_that_it_has(role: str) -> None:
    text = readme(role)
    examples = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
    assert any(f"inference.vllm.{role}" in example for example in examples), "no example runs it"
    assert "(meta/argument_specs.yml)" in text
    named = set(re.findall(rf"\b{role}_[a-z_]+[a-z]\b", text)) - {other for other in ROLES if other != role}
    assert named - set(options(role)) - RESULTS == set()


@pytest.mark.parametrize("role", ROLES)
def test_no_required_option_has_a_default(role: str) -> None:
    assert [name for name, option in options(role).items() if option.get("required") and "default" in option] == []


def optional_ones() -> list[tuple[str, str]]:
    return [(role, name) for role in ROLES for name, option in options(role).items() if "default" not in option and not option.get("required")]


@pytest.mark.parametrize(("role", "name"), optional_ones())
def test_an_option_that_may_be_left_out_is_never_read_as_if_it_were_there(role: str, name: str) -> None:
    """Each place that reads it says what it is without it."""
    text = "".join(path.read_text() for path in sorted((ROOT / "roles" / role).glob("*/*.yml")) if path.parent.name != "meta")
    reads = re.findall(rf"(?<!\w){name}\b(?!:)(.{{0,14}})", text)
    assert reads, f"nothing reads {name}"
    assert [after for after in reads if not re.match(r" *\| *default\(| is (not )?defined", after)] == []
