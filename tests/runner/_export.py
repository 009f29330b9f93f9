"""The collection as its tarball ships it, unpacked where Ansible finds it: what users get is what gets checked."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import typing as t

from tests.runner._lines import CACHE, ROOT


def build(into: pathlib.Path) -> pathlib.Path:
    """The tarball that ``ansible-galaxy collection build`` makes of the checkout."""
    into.mkdir(parents=True, exist_ok=True)
    command = ["ansible-galaxy", "collection", "build", "--force", "--output-path", str(into), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (tarball,) = into.glob("inference-vllm-*.tar.gz")
    return tarball


def unpack(into: pathlib.Path) -> pathlib.Path:
    """``ansible_collections/inference/vllm`` under the empty folder ``into``, from a fresh tarball; returns that folder."""
    folder = into / "ansible_collections" / "inference" / "vllm"
    folder.mkdir(parents=True)
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as place:
        shutil.unpack_archive(build(pathlib.Path(place)), folder)
    return folder


def names(tarball: pathlib.Path) -> t.Sequence[str]:
    with tarfile.open(tarball) as archive:
        return archive.getnames()
