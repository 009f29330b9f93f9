"""``ansible-test sanity`` on the collection as it is shipped, with every file that it needs inside the ignored folder."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tests.runner import _export
from tests.runner._lines import CACHE, ROOT

# Go templates and lists of Kubernetes objects are no YAML documents of Ansible's: helm lint, yamllint and the lab check them.
EXCLUDED = ("charts/", "integrations/")
# The names under which the ansible-test of each supported ansible-core looks for its pip.
GET_PIP = ("get_pip_24_2.py", "get_pip_25_2.py")


def main() -> int:
    line = pathlib.Path(os.environ["VIRTUAL_ENV"]).name.lstrip(".")
    home = CACHE / "sanity" / line
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="content-", dir=home) as content:
        return _sanity(home, _export.unpack(pathlib.Path(content)))


def _sanity(home: pathlib.Path, folder: pathlib.Path) -> int:
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "config.yml", folder / "tests")
    _prepare(home)
    environment = os.environ | {"HOME": str(home), "ANSIBLE_TEST_CONTENT_ROOT": str(folder)}
    environment.pop("ANSIBLE_COLLECTIONS_PATH", None)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    excluded = [argument for folder_name in EXCLUDED if (folder / folder_name).is_dir() for argument in ("--exclude", folder_name)]
    return subprocess.call(["ansible-test", "sanity", "--color", "no", "--python", python, *excluded], cwd=folder, env=environment)


def _prepare(home: pathlib.Path) -> None:
    """A home with pip's stand-in, and with pip's settings as files, because ansible-test takes the variables away."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in GET_PIP:
        shutil.copy(ROOT / "tests" / "runner" / "get_pip.py", cache / name)
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True).stdout
    settings = pathlib.Path(home / ".config" / "pip" / "pip.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(_as_file(listed))


def _as_file(listed: str) -> str:
    """``pip config list`` as a configuration file: ``global.x='y'`` and ``:env:.x='y'``, the later ones the stronger."""
    found = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE))
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in found.items())]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
