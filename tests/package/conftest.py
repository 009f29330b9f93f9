"""The tarball, built from the checkout and installed into an empty place."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tests.runner import _export


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return _export.build(tmp_path_factory.mktemp("tarball"))


@pytest.fixture(scope="session")
def installed(tarball: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The collections path; what ours depends on is in the `ansible` package."""
    path = tmp_path_factory.mktemp("collections")
    command = ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", "--collections-path", str(path), str(tarball)]
    subprocess.run(command, check=True, env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(path)})
    return path
