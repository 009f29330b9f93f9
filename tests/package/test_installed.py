"""The installed collection, seen by Ansible alone: no checkout on its path."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from tests.ansible import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


def ansible(installed: pathlib.Path, *command: str) -> str:
    done = run(*command, cwd=installed, env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(installed)})
    assert done.code == 0, done.text
    return done.stdout


def test_every_module_has_its_documentation(installed: pathlib.Path) -> None:
    names = [f"inference.vllm.{name}" for name in MODULES]
    shown = json.loads(ansible(installed, "ansible-doc", "--json", "-t", "module", *names))
    assert sorted(shown) == names
    for name, parts in shown.items():
        assert str(installed) in parts["doc"]["filename"], name
        assert parts["examples"], f"{name} has no examples"
        assert parts["return"], f"{name} documents no return values"


def test_every_role_has_its_options(installed: pathlib.Path) -> None:
    names = [f"inference.vllm.{name}" for name in ROLES]
    shown = json.loads(ansible(installed, "ansible-doc", "--json", "-t", "role", *names))
    assert sorted(shown) == names


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_playbook_is_found_by_its_name(installed: pathlib.Path, environment: str) -> None:
    inventory = installed / "ansible_collections" / "inference" / "vllm" / "inventories" / environment
    shown = ansible(installed, "ansible-playbook", "--syntax-check", "-i", str(inventory), *(f"inference.vllm.{playbook}" for playbook in PLAYBOOKS))
    assert [pathlib.Path(line).stem for line in shown.splitlines() if line.startswith(f"playbook: {installed}")] == PLAYBOOKS


def test_a_builder_of_execution_environments_reads_what_it_needs(installed: pathlib.Path) -> None:
    shown = ansible(installed, "ansible-builder", "introspect", str(installed))
    for name in ("kubernetes>=", "psycopg[binary]>=", "requests"):  # what Ansible itself brings is left out of the list
        assert name in shown
    assert "git-core" in shown
