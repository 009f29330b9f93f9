"""What ``ansible-galaxy collection build`` ships."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.runner import _export

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "TESTING.md",
    "changelogs",
    "charts",
    "docs",
    "integrations",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
LEFT_OUT = re.compile(r"(^|/)(\.[^/]+|lab|tests?/(unit|integration|e2e|bench|runner)|__pycache__|.*\.pyc|collections|.*\.tar\.gz)(/|$)")


def test_its_top_level_is_what_users_need(tarball: pathlib.Path) -> None:
    assert {name.split("/")[0] for name in _export.names(tarball)} - SHIPPED == set()


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_it_has(tarball: pathlib.Path, name: str) -> None:
    assert name in {shipped.split("/")[0] for shipped in _export.names(tarball)}


def test_it_has_no_lab_no_tests_and_no_caches(tarball: pathlib.Path) -> None:
    # A dot file of the chart is part of the chart.
    assert [name for name in _export.names(tarball) if LEFT_OUT.search(name) and not name.endswith(".helmignore")] == []


def test_the_chart_is_whole(tarball: pathlib.Path) -> None:
    chart = ROOT / "charts" / "vllm-deployment"
    expected = {str(path.relative_to(ROOT)) for path in chart.rglob("*") if path.is_file()}
    assert expected
    assert expected - set(_export.names(tarball)) == set()


def test_it_is_small(tarball: pathlib.Path) -> None:
    """Something big in it is something that nobody meant to ship."""
    assert tarball.stat().st_size < 2 * 1024 * 1024
