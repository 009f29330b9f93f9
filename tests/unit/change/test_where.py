"""Where something is deployed is read from what was rendered, never from what was asked for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.change import _where as where
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, t.Any]

labels = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
domains = st.lists(labels, min_size=1, max_size=3).map(".".join)
ports = st.integers(1, 65535)
models = st.text(min_size=1, max_size=40)


def objects(release: str, namespace: str | None, port: int, domain: str | None, words: list[str], *, environment: str = "staging") -> dict[t.Any, Json]:
    metadata: Json = {"name": release, **({"namespace": namespace} if namespace else {})}
    service_metadata = {**metadata, **({"annotations": {where.CLUSTER_DOMAIN: domain}} if domain else {})}
    template = {"metadata": {"labels": {"inference.vllm/environment": environment}}, "spec": {"containers": [{"name": "engine", "args": words}]}}
    return {
        ("Deployment", release): {"kind": "Deployment", "metadata": metadata, "spec": {"template": template}},
        ("Service", release): {"kind": "Service", "metadata": service_metadata, "spec": {"ports": [{"name": "http", "port": port}]}},
    }


@given(labels, labels, ports, domains, models, st.booleans())
def test_every_part_comes_from_the_rendered_service_and_deployment(release: str, namespace: str, port: int, domain: str, model: str, in_one_word: bool) -> None:
    words = ["serve", "/model", *([f"--served-model-name={model}"] if in_one_word else ["--served-model-name", model])]
    found = where.rendered(objects(release, namespace, port, domain, words), release, "asked-for", kind="embedding")
    assert found == where.Where(model, "staging", namespace, release, f"{release}.{namespace}.svc.{domain}:{port}", "embedding")


@given(labels, labels, ports)
def test_what_the_chart_leaves_out_is_what_kubernetes_takes_for_it(release: str, namespace: str, port: int) -> None:
    found = where.rendered(objects(release, None, port, None, []), release, namespace, kind="chat")
    assert (found.namespace, found.endpoint, found.model) == (namespace, f"{release}.{namespace}.svc.cluster.local:{port}", "")


@given(labels, labels, ports, domains, models)
def test_a_document_is_read_back(release: str, namespace: str, port: int, domain: str, model: str) -> None:
    found = where.rendered(objects(release, namespace, port, domain, ["--served-model-name", model]), release, namespace, kind="chat")
    assert where.read(found.document()) == found


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_a_chart_that_renders_no_such_object_is_refused(kind: str) -> None:
    rendered = objects("m", "ns", 8000, None, [])
    del rendered[kind, "m"]
    with pytest.raises(InputError, match=kind) as refused:
        where.rendered(rendered, "m", "ns", kind="chat")
    assert refused.value.code == "chart_mismatch"


@pytest.mark.parametrize("spec", [{}, {"ports": []}, {"ports": None}])
def test_a_service_without_a_port_is_refused(spec: Json) -> None:
    rendered = objects("m", "ns", 8000, None, [])
    rendered["Service", "m"]["spec"] = spec
    with pytest.raises(InputError) as refused:
        where.rendered(rendered, "m", "ns", kind="chat")
    assert refused.value.code == "chart_mismatch"


def test_the_served_name_is_found_in_whichever_container_has_it() -> None:
    rendered = objects("m", "ns", 8000, None, ["--served-model-name", "x"])
    containers = rendered["Deployment", "m"]["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "sidecar", "command": ["proxy", "--served-model-name"]})
    assert where.served_name(rendered["Deployment", "m"]) == "x"


@pytest.mark.parametrize("name", ["model", "environment", "namespace", "release", "endpoint", "kind"])
@pytest.mark.parametrize("value", [None, 1, ["x"]])
def test_a_field_that_is_missing_or_no_text_is_refused_by_its_path(name: str, value: t.Any) -> None:
    document = where.Where("m", "staging", "ns", "r", "h:1").document()
    with pytest.raises(InputError, match=rf"where\.{name}"):
        where.read({**document, name: value})
    del document[name]
    with pytest.raises(InputError, match=rf"where has no {name}"):
        where.read(document)
