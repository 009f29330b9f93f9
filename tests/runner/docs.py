"""``antsibull-docs lint-collection-docs`` on the collection as it is shipped, with every plugin's documentation."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

from tests.runner import _export
from tests.runner._lines import CACHE


def main() -> int:
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docs-", dir=CACHE) as place:
        folder = _export.unpack(pathlib.Path(place))
        command = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "--validate-collection-refs", "self", "."]
        return subprocess.call(command, cwd=folder, env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": place})


if __name__ == "__main__":
    sys.exit(main())
