# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads a chart from its folder."""

from __future__ import annotations

import hashlib
import pathlib
import typing as t

from .._errors import InputError
from ._bundle import Chart, Values

#: What can change a rendered manifest. values-<environment>.yaml, README and the like cannot.
RENDERING = ("Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json", "templates", "files", "crds", "charts")


def read(path: str) -> Chart:
    """The chart in folder ``path``; raises InputError when it is none."""
    folder = pathlib.Path(path)
    if not (folder / "Chart.yaml").is_file():
        raise InputError(f"no chart at {path}: Chart.yaml is missing; set chart_ref (apply_chart_ref) to the folder of the chart vllm-deployment")
    metadata = read_values(folder / "Chart.yaml")
    defaults = read_values(folder / "values.yaml") if (folder / "values.yaml").is_file() else {}
    return Chart(str(metadata.get("name")), str(metadata.get("version")), digest(folder), defaults)


def read_values(path: pathlib.Path | str) -> Values:
    """A YAML file that holds a map (or nothing)."""
    # Imported here, so that pure users of this package need no third party.
    import yaml

    try:
        content: t.Any = yaml.safe_load(pathlib.Path(path).read_text())
    except OSError as error:
        raise InputError(f"values file {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a map of values, not {type(content).__name__}")
    return content


def digest(folder: pathlib.Path) -> str:
    """sha256 over names and contents of the rendering files, in order; file modes and times do not count."""
    total = hashlib.sha256()
    for part in sorted(_files(folder)):
        content = hashlib.sha256((folder / part).read_bytes()).hexdigest()
        total.update(f"{part}\0{content}\n".encode())
    return "sha256:" + total.hexdigest()


def _files(folder: pathlib.Path) -> t.Iterator[str]:
    for name in RENDERING:
        top = folder / name
        if top.is_file():
            yield name
        elif top.is_dir():
            for path in top.rglob("*"):
                if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~"):
                    yield path.relative_to(folder).as_posix()
