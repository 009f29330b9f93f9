# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A secret for what takes secrets only from files (OpenSSL, helm): a file without a name, which ends with the processes that hold it open."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t


class PrivateFile(t.NamedTuple):
    """``path`` opens the content here, and in a child that inherits ``descriptors`` (``pass_fds``)."""

    path: str
    descriptors: tuple[int, ...]


@contextlib.contextmanager
def private_file(content: bytes) -> t.Iterator[PrivateFile]:
    """``content`` as a file while the block runs. Where the system knows no anonymous files (macOS): a file of ours alone, removed at the end."""
    descriptor = _anonymous(content)
    if descriptor is None:
        with _named(content) as path:
            yield PrivateFile(path, ())
        return
    try:
        yield PrivateFile(_path(descriptor), (descriptor,))
    finally:
        os.close(descriptor)


def _path(descriptor: int) -> str:
    """Each opening of it starts at the first byte, as with any file."""
    return f"/proc/self/fd/{descriptor}"


def _anonymous(content: bytes) -> int | None:
    """None where there is no memfd, or where /proc does not show it."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("inference.vllm")
    except OSError:  # a sandbox that does not know the call, or a kernel that wants files sealed against execution
        return None
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        if os.access(_path(descriptor), os.R_OK):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextlib.contextmanager
def _named(content: bytes) -> t.Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="inference.vllm-") as folder:  # mode 0700
        path = os.path.join(folder, "secret")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        yield path
