"""The collection as users install it, without the checkout: the tarball in an empty collections path."""

from __future__ import annotations

import pathlib
import subprocess

from tests.ansible import run
from tests.e2e.conftest import ROOT, Site, environment
from tests.runner._export import build


def test_the_installed_tarball_deploys_by_its_playbooks_name(site: Site, tmp_path: pathlib.Path) -> None:
    collections, empty = tmp_path / "collections", tmp_path / "empty"
    empty.mkdir()
    env = environment(site.lab) | {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
    tarball = build(tmp_path / "built")
    install = ["ansible-galaxy", "collection", "install", str(tarball), "--no-deps", "--offline", "-p", str(collections)]
    subprocess.run(install, cwd=empty, env=env, check=True, capture_output=True, timeout=120)
    model = site.model("installed")
    done = run("ansible-playbook", "inference.vllm.deploy", "-i", str(site.folder), env=env, cwd=empty)
    assert done.code == 0, done.tail
    assert site.ready(model)["deployment_release_revision"] == 1
    assert str(ROOT) not in done.stdout, "the checkout was used"
