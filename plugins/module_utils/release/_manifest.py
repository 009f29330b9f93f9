# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Compares rendered manifests by meaning, and shows the difference as text."""

from __future__ import annotations

import typing as t

from .._errors import Error

Object = dict[str, t.Any]
Key = tuple[str, str]


class ManifestError(Error):
    """A manifest is not a stream of Kubernetes objects."""


def parse(manifest: str) -> dict[Key, Object]:
    """Kind and name to object; the order of documents and keys and all comments are gone."""
    # Imported here, so that pure users of this package need no third party.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.load_all(manifest, Loader=loader) if document]
        return {(document["kind"], document["metadata"]["name"]): document for document in documents}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ManifestError(f"the rendered manifest is not a stream of Kubernetes objects: {str(error).splitlines()[0]}") from error


def same(one: str, other: str) -> bool:
    return one == other or parse(one) == parse(other)


def difference(before: str, after: str) -> dict[str, str]:
    """Ansible's diff of two manifests: only the objects that differ, in a stable order."""
    import yaml

    old, new = parse(before), parse(after)
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))

    def text(objects: dict[Key, Object]) -> str:
        return "".join(f"--- # {kind} {name}\n{yaml.safe_dump(objects[kind, name], sort_keys=True)}" for kind, name in keys if (kind, name) in objects)

    return {"before": text(old), "after": text(new), "before_header": "release as deployed", "after_header": "release as planned"}


def summary(before: str, after: str) -> list[str]:
    """One line an object: what would be created, changed or removed."""
    old, new = parse(before), parse(after)
    lines = []
    for kind, name in sorted(old.keys() | new.keys()):
        if (kind, name) not in old:
            lines.append(f"create {kind} {name}")
        elif (kind, name) not in new:
            lines.append(f"remove {kind} {name}")
        elif old[kind, name] != new[kind, name]:
            lines.append(f"change {kind} {name}")
    return lines


def find(manifest: str, kind: str, name: str) -> Object | None:
    return parse(manifest).get((kind, name))
