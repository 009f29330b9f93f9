# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are whole at every moment, and the table of routes as one."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pathlib
import tempfile
import typing as t

from ._table import Route, Table

LOG = logging.getLogger("vllm_routes")
VERSION = 1


def write(path: pathlib.Path, text: str) -> bool:
    """Replaces the file at once, keeping its mode (0644 for a new one); false when it says the same already."""
    try:
        before = path.read_text(encoding="utf-8")
        if before == text:
            return False
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True


def document(table: Table) -> dict[str, t.Any]:
    """The table as JSON, version 1: keys are added, never renamed or removed."""
    return {"version": VERSION, "environment": table.environment, "routes": [dataclasses.asdict(route) for route in table.routes]}


def save(path: pathlib.Path, table: Table) -> bool:
    return write(path, json.dumps(document(table), indent=1) + "\n")


def load(path: pathlib.Path) -> Table | None:
    """What ``save`` left, or None: a file that cannot be read is no reason not to start."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Table(kept["environment"], tuple(Route(**route) for route in kept["routes"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOG.warning("the routes kept in %s cannot be read: %s", path, error)
        return None
