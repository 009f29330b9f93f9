"""Optional parts: what they need, how they are built, and what Prometheus is told."""

from __future__ import annotations

import pathlib

import pytest

from lab import _optional, _prometheus
from lab._errors import LabError
from lab._layout import ROOT, Layout
from lab._optional import NAMES, OPTIONAL, PROMETHEUS


def place(folder: pathlib.Path, script: str) -> Layout:
    """A checkout whose build does what ``script`` says."""
    (folder / ".lab" / "bin").mkdir(parents=True)
    (folder / "lab" / "setup").mkdir(parents=True)
    (folder / "lab" / "setup" / "optional.sh").write_text(script)
    return Layout("default", root=folder)


def test_a_part_brings_what_it_needs_in_the_order_in_which_they_start() -> None:
    assert _optional.with_needs([PROMETHEUS]) == [NAMES, PROMETHEUS]
    assert _optional.with_needs(iter([NAMES])) == [NAMES]
    assert _optional.with_needs([]) == []


def test_programs_are_built_once_and_the_time_is_said_before(tmp_path: pathlib.Path) -> None:
    layout = place(tmp_path, 'echo "$@" >> asked; shift; while [ $# -gt 1 ]; do touch ".lab/bin/$1"; shift 2; done')
    said: list[str] = []
    _optional.build(layout, PROMETHEUS, said.append)
    _optional.build(layout, PROMETHEUS, said.append)
    assert said == ["prometheus: building prometheus and promtool from Go modules, once; about six minutes on two cores ..."]
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.split() == ["prometheus", *(word for pair in OPTIONAL[PROMETHEUS].programs.items() for word in pair)]


def test_a_part_without_programs_of_its_own_builds_nothing(tmp_path: pathlib.Path) -> None:
    _optional.build(place(tmp_path, "exit 1"), NAMES, pytest.fail)


@pytest.mark.parametrize("script", ["exit 1", "exit 0"], ids=["fails", "makes nothing"])
def test_a_build_that_fails_says_that_the_rest_needs_none_of_it(tmp_path: pathlib.Path, script: str) -> None:
    with pytest.raises(LabError, match=r"prometheus could not be built; .* The rest of the lab needs none of it"):
        _optional.build(place(tmp_path, script), PROMETHEUS, lambda _: None)


@pytest.mark.parametrize("part", [name for name, part in OPTIONAL.items() if part.programs])
def test_every_program_is_a_tool_of_the_parts_own_module(part: str) -> None:
    module = (ROOT / "lab" / "optional" / part / "go.mod").read_text()
    assert module.startswith(f"module lab/optional/{part}\n")
    assert all(f"\t{package}\n" in module for package in OPTIONAL[part].programs.values())


def test_prometheus_goes_through_the_name_proxy_in_the_name_of_its_namespace() -> None:
    (scrape,) = _prometheus.configuration("/a place/kubeconfig", 20001)["scrape_configs"]
    assert scrape["proxy_url"] == "http://monitoring:any@127.0.0.1:20001"
    assert scrape["kubernetes_sd_configs"] == [{"role": "endpointslice", "kubeconfig_file": "/a place/kubeconfig"}]


def test_prometheus_gives_the_labels_that_the_charts_service_monitor_gives() -> None:
    (scrape,) = _prometheus.configuration("k", 1)["scrape_configs"]
    given = {rule["target_label"]: rule["source_labels"] for rule in scrape["relabel_configs"] if "target_label" in rule}
    template = (ROOT / "charts" / "vllm-deployment" / "templates" / "servicemonitor.yaml").read_text()
    for label in ("model", "environment", "release"):
        assert f"{{sourceLabels: [{given[label][0]}], targetLabel: {label}}}" in template
    assert {"namespace", "service", "job", "pod", "container", "endpoint"} <= set(given)
