"""Gives claims of the StorageClass ``local`` a folder of the lab, as a local provisioner gives them one of a node."""

from __future__ import annotations

import collections.abc
import logging
import pathlib

from .._client import ApiError
from . import volumes
from .api import Api, missing_is_fine
from .types import Json

LOG = logging.getLogger("lab.kubelet")
NAME = "lab.inference.vllm/local"
SELECTED = "volume.kubernetes.io/selected-node"


class Provisioner:
    """Handles what the watches of claims and volumes see, in their threads."""

    def __init__(self, api: Api, state: pathlib.Path, mine: collections.abc.Callable[[str], bool]) -> None:
        self._api = api
        self._folder = state / "volumes"
        self._mine = mine

    def claim(self, kind: str, item: Json) -> None:
        """A claim that the scheduler has given to one of our nodes gets its volume; the controller binds the two."""
        if kind in ("SYNCED", "DELETED") or item["spec"].get("volumeName"):
            return
        annotations = item["metadata"].get("annotations") or {}
        asked = annotations.get("volume.kubernetes.io/storage-provisioner") or annotations.get("volume.beta.kubernetes.io/storage-provisioner")
        if asked == NAME and self._mine(annotations.get(SELECTED, "")):
            self._try(self._api.create, "/api/v1/persistentvolumes", volume(item, self._folder))

    def volume(self, kind: str, item: Json) -> None:
        """A volume whose claim is gone goes with its folder."""
        spec = item.get("spec") or {}
        ours = ((item.get("metadata") or {}).get("annotations") or {}).get("pv.kubernetes.io/provisioned-by") == NAME
        path = pathlib.Path((spec.get("hostPath") or {}).get("path") or "/")
        if not ours or self._folder not in path.parents or kind == "SYNCED":
            return
        if kind != "DELETED" and (item.get("status") or {}).get("phase") == "Released" and spec.get("persistentVolumeReclaimPolicy") == "Delete":
            volumes.remove(path)
            with missing_is_fine():
                self._try(self._api.delete, f"/api/v1/persistentvolumes/{item['metadata']['name']}")

    def _try(self, function: collections.abc.Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except ApiError as error:
            # 409: it is there already. Anything else is seen again with the next list.
            if error.status not in (404, 409):
                LOG.warning("local volume: %s", error)


def volume(claim: Json, folder: pathlib.Path) -> Json:
    """The PersistentVolume for a claim, bound to it and to the node that the scheduler has chosen."""
    metadata, spec = claim["metadata"], claim["spec"]
    node = metadata["annotations"][SELECTED]
    affinity = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}", "annotations": {"pv.kubernetes.io/provisioned-by": NAME}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec.get("storageClassName"),
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **{name: metadata[name] for name in ("namespace", "name", "uid")}},
            "hostPath": {"path": str(folder / f"{metadata['namespace']}-{metadata['name']}-{metadata['uid']}"), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [affinity]}},
        },
    }
