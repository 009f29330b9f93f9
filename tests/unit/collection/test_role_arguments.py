"""A role's documented defaults are its real ones."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
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


@pytest.mark.parametrize("role", ROLES)
def test_every_role_says_in_a_readme_what_it_leaves_behind(role: str) -> None:
    assert len((ROOT / "roles" / role / "README.md").read_text().splitlines()) > 5


@pytest.mark.parametrize("role", ROLES)
def test_every_option_without_a_default_is_required_or_may_be_left_out(role: str) -> None:
    """A required option never has a default, and an optional one without a default is never read as if it were there."""
    for name, option in options(role).items():
        assert not (option.get("required") and "default" in option), f"{name} is required and has a default"
