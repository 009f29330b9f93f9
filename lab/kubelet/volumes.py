"""A pod's volumes as folders, and where a container finds them."""

from __future__ import annotations

import base64
import collections.abc
import os
import pathlib
import shutil

from . import env
from .types import Json, MountError

Reference = env.Reference


def references(spec: Json) -> set[Reference]:
    """The Secrets and ConfigMaps that the pod's volumes are made of."""
    found = set()
    for volume in spec.get("volumes") or []:
        for source in [volume, *((volume.get("projected") or {}).get("sources") or [])]:
            if source.get("secret"):
                found.add(("secret", source["secret"].get("secretName") or source["secret"].get("name")))
            if source.get("configMap"):
                found.add(("configmap", source["configMap"]["name"]))
    return found


def claims(spec: Json) -> dict[str, str]:
    """Volume name to the name of its PersistentVolumeClaim."""
    return {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in spec.get("volumes") or [] if v.get("persistentVolumeClaim")}


class Volumes:
    """The volumes of one pod, in folders under ``place``. ``host`` is the folder that stands for the node's file system."""

    def __init__(self, place: pathlib.Path, host: pathlib.Path) -> None:
        self._place = place
        self._host = host

    def prepare(self, facts: env.Facts, claimed: collections.abc.Mapping[str, pathlib.Path], tokens: collections.abc.Mapping[str, str]) -> None:
        """Makes every volume of the pod. MountError names the first that cannot be made."""
        for volume in facts.pod["spec"].get("volumes") or []:
            self._prepare(volume, facts, claimed, tokens)

    def folder(self, name: str) -> pathlib.Path:
        return self._place / name

    def _prepare(self, volume: Json, facts: env.Facts, claimed: collections.abc.Mapping[str, pathlib.Path], tokens: collections.abc.Mapping[str, str]) -> None:
        folder = self.folder(volume["name"])
        if "hostPath" in volume:
            link(folder, self._host_path(volume))
        elif "persistentVolumeClaim" in volume:
            link(folder, claimed[volume["name"]])
        elif "emptyDir" in volume:
            folder.mkdir(parents=True, exist_ok=True)
        elif any(kind in volume for kind in ("secret", "configMap", "downwardAPI", "projected")):
            files: dict[str, tuple[bytes, int]] = {}
            for source in (volume.get("projected") or {}).get("sources") or [volume]:
                files |= _files(volume["name"], source, facts, tokens)
            write(folder, files)
        else:
            kind = next((key for key in volume if key != "name"), "nothing")
            raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : the lab has no volumes of type {kind}')

    def _host_path(self, volume: Json) -> pathlib.Path:
        path = self._host / str(volume["hostPath"]["path"]).lstrip("/")
        kind = volume["hostPath"].get("type") or ""
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        elif kind == "FileOrCreate":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        elif kind and not path.exists():
            message = f"hostPath type check failed: {volume['hostPath']['path']} is not a {kind.lower()}"
            raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {message}')
        elif not path.exists():
            # Without a type nothing is checked, and a runtime makes a missing folder.
            path.mkdir(parents=True)
        return path

    def paths(self, container: Json, root: pathlib.Path) -> dict[str, str]:
        """Links the container's mounts into its own root folder; mount path to where that is."""
        found = {}
        for mount in container.get("volumeMounts") or []:
            target = self.folder(mount["name"]) / (mount.get("subPath") or "")
            if not target.exists():
                target.mkdir(parents=True)
            place = root / mount["mountPath"].strip("/")
            link(place, target)
            found[mount["mountPath"]] = str(place)
        return found


def link(place: pathlib.Path, target: pathlib.Path) -> None:
    """A link that is right is left alone: a running program may be using it this very moment."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        if place.readlink() == target:
            return
        place.unlink()
    if not place.exists():
        place.symlink_to(target)


def _files(name: str, source: Json, facts: env.Facts, tokens: collections.abc.Mapping[str, str]) -> dict[str, tuple[bytes, int]]:
    if "secret" in source:
        about = source["secret"]
        return _keys(name, "secret", about.get("secretName") or about.get("name"), about, facts)
    if "configMap" in source:
        return _keys(name, "configmap", source["configMap"]["name"], source["configMap"], facts)
    if "downwardAPI" in source:
        return {item["path"]: (_downward(item, facts).encode(), int(item.get("mode") or 0o644)) for item in source["downwardAPI"].get("items") or []}
    if "serviceAccountToken" in source:
        path = source["serviceAccountToken"]["path"]
        return {path: (tokens.get(source["serviceAccountToken"].get("audience") or "", "").encode(), 0o600)}
    raise MountError(f'MountVolume.SetUp failed for volume "{name}" : the lab projects no {next(iter(source), "nothing")}')


def _downward(item: Json, facts: env.Facts) -> str:
    if "fieldRef" in item:
        return env.field(item["fieldRef"]["fieldPath"], facts)
    return env.resource(item["resourceFieldRef"], {}, facts)


def _keys(volume: str, kind: str, name: str, about: Json, facts: env.Facts) -> dict[str, tuple[bytes, int]]:
    held = facts.objects.get((kind, name))
    if held is None:
        if about.get("optional"):
            return {}
        raise MountError(f'MountVolume.SetUp failed for volume "{volume}" : {kind} "{name}" not found')
    content = content_of(kind, held)
    mode = int(about.get("defaultMode") or 0o644)
    if not about.get("items"):
        return {key: (value, mode) for key, value in content.items()}
    chosen = {}
    for item in about["items"]:
        if item["key"] in content:
            chosen[item["path"]] = (content[item["key"]], int(item.get("mode") or mode))
        elif not about.get("optional"):
            raise MountError(f'MountVolume.SetUp failed for volume "{volume}" : references non-existent {kind} key: {item["key"]}')
    return chosen


def content_of(kind: str, held: Json) -> dict[str, bytes]:
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in (held.get("data") or {}).items()}
    texts = {key: value.encode() for key, value in (held.get("data") or {}).items()}
    return {**texts, **{key: base64.b64decode(value) for key, value in (held.get("binaryData") or {}).items()}}


def write(folder: pathlib.Path, files: dict[str, tuple[bytes, int]]) -> None:
    """The folder holds exactly these files afterwards; each is replaced whole, so that a reader never sees half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, mode) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == content:
            continue
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        # The owner must be able to replace it, whatever mode the volume asks for.
        os.chmod(part, mode | 0o600)
        part.replace(path)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()


def remove(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
