# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rendered manifests as objects: read once, compared by meaning, and their difference as text. Pure."""

from __future__ import annotations

import typing as t

from .._errors import Error
from ..change._plan import Change

Object = dict[str, t.Any]
Key = tuple[str, str]
Objects = dict[Key, Object]


class ManifestError(Error):
    """A manifest is not a stream of Kubernetes objects."""

    code = "manifest"


def parse(manifest: str) -> Objects:
    """Kind and name to object; the order of documents and keys and all comments are gone."""
    # Imported here, so that pure users of this package need no third party.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.load_all(manifest, Loader=loader) if document]
        return {(document["kind"], document["metadata"]["name"]): document for document in documents}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ManifestError(f"the rendered manifest is not a stream of Kubernetes objects: {str(error).splitlines()[0]}") from error


def difference(before: Objects, after: Objects) -> dict[str, str]:
    """Ansible's diff of two manifests: only the objects that differ, in a stable order."""
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return {
        "before": _text(before, keys),
        "after": _text(after, keys),
        "before_header": "release as deployed",
        "after_header": "release as planned",
    }


def changes(before: Objects, after: Objects) -> tuple[Change, ...]:
    """What would be created, changed or removed, by Helm's record alone."""
    found = []
    for kind, name in sorted(before.keys() | after.keys()):
        key = (kind, name)
        if key not in before:
            found.append(Change("create", kind, name))
        elif key not in after:
            found.append(Change("remove", kind, name))
        elif before[key] != after[key]:
            found.append(Change("change", kind, name))
    return tuple(found)


def shown(live: Object, rendered: Object) -> Object:
    """Of a live object what the chart says something about, for a diff that a person reads; lists whole."""
    return {key: shown(live[key], value) if isinstance(value, dict) and isinstance(live.get(key), dict) else live.get(key) for key, value in rendered.items()}


def _text(objects: Objects, keys: t.Sequence[Key]) -> str:
    import yaml

    return "".join(f"--- # {kind} {name}\n{yaml.safe_dump(objects[kind, name], sort_keys=True)}" for kind, name in keys if (kind, name) in objects)
