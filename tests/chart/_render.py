"""Renders the chart as a user would: by the lab's Helm programs."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import subprocess
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "charts" / "vllm-deployment"
HELMS = ("helm3", "helm4")
ENVIRONMENTS = ("development", "staging", "production")
RELEASE = "llama-3-8b-development"
NAMESPACE = "development"

Values = dict[str, t.Any]
Object = dict[str, t.Any]

MODEL: Values = {"model": {"source": "meta-llama/Meta-Llama-3-8B-Instruct", "revision": "8afb486c1db2", "servedName": "llama-3-8b"}}


@dataclasses.dataclass(frozen=True)
class Rendered:
    """What ``helm template`` gave: objects, or the sentences that refused the values."""

    text: str
    error: str

    @property
    def objects(self) -> dict[str, Object]:
        """By ``Kind/name``."""
        assert not self.error, self.error
        documents = [document for document in yaml.safe_load_all(self.text) if document]
        named = {f"{document['kind']}/{document['metadata']['name']}": document for document in documents}
        assert len(named) == len(documents), "two objects have one name"
        return named

    def one(self, kind: str) -> Object:
        (found,) = [thing for thing in self.objects.values() if thing["kind"] == kind and "helm.sh/hook" not in thing["metadata"].get("annotations", {})]
        return found

    @property
    def kinds(self) -> list[str]:
        return sorted(thing["kind"] for thing in self.objects.values())

    @property
    def pod(self) -> Object:
        return t.cast(Object, self.one("Deployment")["spec"]["template"]["spec"])

    @property
    def container(self) -> Object:
        (container,) = self.pod["containers"]
        return t.cast(Object, container)

    @property
    def test_pod(self) -> Object:
        (pod,) = [thing for thing in self.objects.values() if thing["kind"] == "Pod"]
        return pod

    @property
    def args(self) -> list[str]:
        return t.cast("list[str]", self.container["args"])

    @property
    def env(self) -> dict[str, t.Any]:
        return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in self.container["env"]}


def merge(below: Values, above: Values) -> Values:
    both = {**below, **above}
    return {name: merge(below[name], above[name]) if isinstance(below.get(name), dict) and isinstance(above.get(name), dict) else both[name] for name in both}


@functools.cache
def run_helm(helm: str, release: str, environment: str, values: str) -> Rendered:
    files = ["--values", str(CHART / f"values-{environment}.yaml")] if environment else []
    command = [str(ROOT / ".lab" / "bin" / helm), "template", release, str(CHART), "--namespace", NAMESPACE, *files, "--values", "-"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, timeout=60)
    return Rendered(done.stdout, "" if done.returncode == 0 else done.stderr)


def render(values: Values | None = None, *, helm: str = "helm3", release: str = RELEASE, environment: str = "", model: bool = True) -> Rendered:
    """The chart with ``values`` over a minimal model (unless ``model`` is false) over the values of ``environment``."""
    return run_helm(helm, release, environment, json.dumps(merge(MODEL if model else {}, values or {})))
