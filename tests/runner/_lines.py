"""The lines of the test matrix that are installed, and the environment that their checks run in."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"

# A developer's own cluster, database and settings must never reach a test.
FOREIGN = ("ANSIBLE_", "K8S_AUTH_", "HELM_", "PG", "VLLM_", "MOLECULE_", "LAB_")
# Where Python may keep no bytecode, every one of some hundred plays compiles its plugins again.
FOREIGN_NAMES = {"KUBECONFIG", "HF_TOKEN", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of ``tests/matrix``, installed in a virtual environment."""

    name: str
    helm: str
    venv: pathlib.Path

    def program(self, name: str) -> str:
        return str(self.venv / "bin" / name)

    def environment(self) -> dict[str, str]:
        """What a check of this line sees: its own Ansible and Helm first on PATH, nothing of the user's platforms."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN) and key not in FOREIGN_NAMES}
        path = os.pathsep.join([str(self.venv / "bin"), str(_helm_folder(self.helm)), kept.get("PATH", os.defpath)])
        return kept | {
            "PATH": path,
            "VIRTUAL_ENV": str(self.venv),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_HOME": str(CACHE / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "NO_COLOR": "1",
        }


def installed(folder: str) -> Line | None:
    """The line in the virtual environment ``folder``, when the set-up found a Python for it."""
    note = ROOT / folder / "line"
    if not note.exists():
        return None
    name, _ansible, helm, _python = note.read_text().split(maxsplit=3)
    return Line(name, helm, ROOT / folder)


def _helm_folder(helm: str) -> pathlib.Path:
    """A folder of its own for each Helm, because both are called ``helm``."""
    folder = ROOT / ".lab" / "path" / helm
    folder.mkdir(parents=True, exist_ok=True)
    # Both lanes may come here at the same moment, in a checkout that has none yet.
    with contextlib.suppress(FileExistsError):
        (folder / "helm").symlink_to(pathlib.Path("../../bin") / helm)
    return folder
