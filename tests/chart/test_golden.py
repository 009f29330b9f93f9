"""The whole manifest per environment, to be read and to show in a diff what a change does.

``UPDATE_GOLDEN=1 pytest tests/chart/test_golden.py`` writes the files anew.
"""

from __future__ import annotations

import os
import pathlib

import pytest
import yaml

from tests.chart._render import ENVIRONMENTS, Object, Values, render

GOLDEN = pathlib.Path(__file__).parent / "golden"
SECRETS: Values = {"hfToken": {"existingSecret": {"name": "hf-token", "key": "token"}}}
ENGINE: Values = {"engine": {"maxModelLen": 8192, "tensorParallelSize": 2}, "release": {"revision": "r1", "bundle": "sha256:" + "a" * 64}}
SCRIPT = "(a script of the chart's files/)"


class Indented(yaml.SafeDumper):
    """Lists stand further in than their name, as in every file of the repository."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def without_scripts(thing: Object) -> Object:
    """The scripts have their own tests and files."""
    for container in thing["spec"].get("containers", []) or thing["spec"].get("template", {}).get("spec", {}).get("containers", []):
        for command in (container["command"], container.get("startupProbe", {}).get("exec", {}).get("command", [])):
            command[:] = [SCRIPT if "\n" in word else word for word in command]
    return thing


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_manifest_is_the_one_on_file(environment: str) -> None:
    objects = render({**SECRETS, **ENGINE}, environment=environment).objects
    readable = [without_scripts(objects[key]) if "spec" in objects[key] else objects[key] for key in sorted(objects)]
    path = GOLDEN / f"{environment}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.dump_all(readable, Dumper=Indented, sort_keys=True, width=150))
    assert list(yaml.safe_load_all(path.read_text())) == readable
