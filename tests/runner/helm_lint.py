"""``helm lint`` of the chart with both Helms, with its own values and with every values file beside them."""

from __future__ import annotations

import subprocess
import sys

from tests.runner._lines import ROOT

CHART = ROOT / "charts" / "vllm-deployment"


def main() -> int:
    files = sorted(CHART.glob("values-*.yaml"))
    if not files:
        print(f"{CHART} has no values-<environment>.yaml to lint.")
        return 1
    failed = 0
    for helm in ("helm3", "helm4"):
        for file in (None, *files):
            command = [str(ROOT / ".lab" / "bin" / helm), "lint", "--strict", str(CHART), *(["--values", str(file)] if file else [])]
            print(f"== {helm}, {file.name if file else 'values.yaml'}", flush=True)
            failed += subprocess.call(command) != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
