"""Revisions, objects and records as the tests of this room need them."""

from __future__ import annotations

import base64
import gzip
import json
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils.release._history import Revision

Json = dict[str, t.Any]


def revision(number: int, status: str, values: Json | None = None, *, chart: str = "vllm-deployment", version: str = "0.1.0", manifest: str = "") -> Revision:
    given = {"replicas": 1} if values is None else values
    return Revision("m", "ns", number, status, manifest, given, f"{chart}-{version}", "", "why it ended so", version)


def named(bundle: str, name: str = "r") -> Json:
    """Values of a bundle."""
    return {"release": {"bundle": bundle, "revision": name}}


def secret(record: t.Any, number: int = 1) -> Json:
    """A Helm release Secret; ``record`` as bytes stays what it is."""
    packed = record if isinstance(record, bytes) else base64.b64encode(gzip.compress(json.dumps(record).encode(), mtime=0))
    return {"metadata": {"name": f"sh.helm.release.v1.m.v{number}", "namespace": "ns"}, "data": {"release": base64.b64encode(packed).decode()}}


def deployment(**changed: t.Any) -> Json:
    """A rendered Deployment; ``changed`` are fields of its container."""
    container: Json = {
        "name": "engine",
        "image": "repo/vllm:1",
        "args": ["serve", "/model"],
        "env": [{"name": "HF_HOME", "value": "/cache"}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        **changed,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "m", "namespace": "ns"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "m"}},
            "template": {"metadata": {"labels": {"app": "m"}}, "spec": {"containers": [container], "volumes": [{"name": "cache"}]}},
        },
    }


def container(obj: Json) -> Json:
    found: Json = obj["spec"]["template"]["spec"]["containers"][0]
    return found
