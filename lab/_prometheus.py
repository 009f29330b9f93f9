"""Prometheus in the lab: finds the chart's Services as a ServiceMonitor would, and scrapes their pods by way of the name proxy."""

from __future__ import annotations

import pathlib
import typing as t

import yaml

if t.TYPE_CHECKING:
    from ._parts import Lab

HOST = "127.0.0.1"
# It acts in the name of this namespace: what no NetworkPolicy lets in from there is a target that is down, with the policy's name.
NAMESPACE = "monitoring"
SECONDS = 5
SERVICE = "__meta_kubernetes_service_label_"
LABELS = {
    "namespace": "__meta_kubernetes_namespace",
    "service": "__meta_kubernetes_service_name",
    "job": "__meta_kubernetes_service_name",
    "pod": "__meta_kubernetes_pod_name",
    "container": "__meta_kubernetes_pod_container_name",
    "endpoint": "__meta_kubernetes_endpointslice_port_name",
    "model": f"{SERVICE}inference_vllm_model",
    "environment": f"{SERVICE}inference_vllm_environment",
    "release": f"{SERVICE}app_kubernetes_io_instance",
}


def folder(lab: Lab) -> pathlib.Path:
    return lab.layout.state / "prometheus"


def command(lab: Lab) -> list[str]:
    place = folder(lab)
    (place / "rules").mkdir(parents=True, exist_ok=True)
    config = place / "prometheus.yml"
    config.write_text(yaml.safe_dump(configuration(str(lab.layout.kubeconfig("admin")), lab.port("names")), sort_keys=False), encoding="utf-8")
    return [
        str(lab.layout.bin / "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={HOST}:{lab.port('prometheus')}",
        "--web.enable-lifecycle",
    ]


def configuration(kubeconfig: str, proxy_port: int) -> dict[str, t.Any]:
    """The labels are those that the Prometheus operator gives, so that rules and queries written for it work here."""
    keep = [
        {"source_labels": [f"{SERVICE}app_kubernetes_io_name"], "regex": "vllm-deployment", "action": "keep"},
        {"source_labels": ["__meta_kubernetes_endpointslice_port_name"], "regex": "http", "action": "keep"},
    ]
    named = [{"source_labels": [source], "target_label": label} for label, source in LABELS.items()]
    return {
        "global": {"scrape_interval": f"{SECONDS}s", "evaluation_interval": f"{SECONDS}s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {
                "job_name": "vllm",
                "proxy_url": f"http://{NAMESPACE}:any@{HOST}:{proxy_port}",
                "kubernetes_sd_configs": [{"role": "endpointslice", "kubeconfig_file": kubeconfig}],
                "relabel_configs": [*keep, *named],
                "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": ".+_created", "action": "drop"}],
            }
        ],
    }
