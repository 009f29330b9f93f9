"""The optional Prometheus: built from its Go modules when first asked for. It finds pods as it would in a cluster, and reaches them by the name proxy."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

import yaml

from ._errors import LabError
from ._layout import Layout
from ._state import State

Json = dict[str, t.Any]
NAMESPACE = "monitoring"
META = "__meta_kubernetes_"
# Of the chart's pods, the port called http; labels as Prometheus Operator's monitors set them.
RELABEL: list[Json] = [
    {"action": "keep", "source_labels": [f"{META}pod_label_app_kubernetes_io_name"], "regex": "vllm-deployment"},
    {"action": "keep", "source_labels": [f"{META}pod_container_port_name"], "regex": "http"},
    {"action": "drop", "source_labels": [f"{META}pod_phase"], "regex": "Pending|Succeeded|Failed"},
    {"source_labels": [f"{META}namespace"], "target_label": "namespace"},
    {"source_labels": [f"{META}pod_name"], "target_label": "pod"},
    {"source_labels": [f"{META}pod_label_app_kubernetes_io_instance"], "target_label": "service"},
    {"source_labels": [f"{META}pod_label_inference_vllm_model"], "target_label": "model"},
    {"source_labels": [f"{META}pod_label_inference_vllm_environment"], "target_label": "environment"},
]


def build(layout: Layout, say: t.Callable[[str], None]) -> None:
    if (layout.bin / "prometheus").is_file() and (layout.bin / "promtool").is_file():
        return
    say("prometheus is built from source, this once: some 5 minutes on 2 quiet cores.")
    if subprocess.run([str(layout.root / "lab" / "prometheus" / "build.sh")], check=False).returncode:
        raise LabError("prometheus could not be built; the lines above say why. The lab itself does not need it: leave out --with prometheus.")


def server(layout: Layout, state: State) -> list[str]:
    folder = layout.state / "prometheus"
    rules(layout).mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration(layout, state), sort_keys=False), encoding="utf-8")
    return [
        str(layout.bin / "prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address=127.0.0.1:{state.ports['prometheus']}",
        "--web.enable-lifecycle",
    ]


def rules(layout: Layout) -> pathlib.Path:
    """Rule files put here are taken after POST /-/reload."""
    return layout.state / "prometheus" / "rules"


def configuration(layout: Layout, state: State) -> Json:
    scrape = {
        "job_name": "vllm",
        "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(layout.kubeconfig("viewer"))}],
        # Pod addresses are fictions; in the name of its namespace Prometheus is let in where a NetworkPolicy lets monitoring in.
        "proxy_url": f"http://{NAMESPACE}:any@127.0.0.1:{state.ports['names']}",
        "relabel_configs": RELABEL,
    }
    return {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(rules(layout) / "*.yaml")],
        "scrape_configs": [scrape],
    }
