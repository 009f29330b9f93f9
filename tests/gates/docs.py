"""``antsibull-docs lint-collection-docs`` on the collection as it is shipped, with every plugin's documentation."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

from tests.gates import _export
from tests.gates._lines import CACHE


def main() -> int:
    place = CACHE / f"docs-{pathlib.Path(os.environ['VIRTUAL_ENV']).name}"
    try:
        folder = _export.unpack(place)
        command = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "--validate-collection-refs", "self", "."]
        return subprocess.call(command, cwd=folder, env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(place)})
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
