"""The files that say the same thing for different tools agree."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def requirement_lines(path: str) -> list[str]:
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]


def test_checkout_and_tarball_ask_for_the_same_collections() -> None:
    asked = yaml.safe_load((ROOT / "collections" / "requirements.yml").read_text())["collections"]
    assert {one["name"]: one["version"] for one in asked} == GALAXY["dependencies"]


def test_changelog_has_the_version_of_the_collection() -> None:
    assert GALAXY["version"] in yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]


@pytest.mark.parametrize("path", ["tests/requirements.txt", "tests/integration/registry/routers/requirements.txt", "lab/requirements.txt"])
def test_tools_and_lab_are_pinned(path: str) -> None:
    assert [line for line in requirement_lines(path) if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+", line)] == []


def test_users_are_asked_for_lower_bounds_alone() -> None:
    assert [line for line in requirement_lines("meta/ee-requirements.txt") if "==" in line or "<" in line] == []


def test_the_matrix_reaches_from_the_oldest_supported_core_to_the_newest() -> None:
    lines = [line.split() for line in requirement_lines("tests/matrix")]
    assert [(line[1].split(".")[0], line[2]) for line in lines] == [("12", "helm3"), ("14", "helm4")]
