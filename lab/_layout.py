"""Where everything of one lab lies. Nothing of it is outside ``.lab/``."""

from __future__ import annotations

import dataclasses
import pathlib
import re

from ._errors import LabError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
WHO = ("admin", "operator", "viewer")


@dataclasses.dataclass(frozen=True)
class Layout:
    """The paths of the lab called ``name`` in the checkout ``root``."""

    name: str = "default"
    root: pathlib.Path = ROOT

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise LabError(f"{self.name!r} cannot name a lab: use at most 40 small letters, digits and dashes, such as 'second'.")

    @property
    def folder(self) -> pathlib.Path:
        return self.root / ".lab"

    @property
    def bin(self) -> pathlib.Path:
        return self.folder / "bin"

    @property
    def labs(self) -> pathlib.Path:
        return self.folder / "state"

    @property
    def state(self) -> pathlib.Path:
        return self.labs / self.name

    @property
    def record(self) -> pathlib.Path:
        return self.state / "lab.json"

    @property
    def pki(self) -> pathlib.Path:
        return self.state / "pki"

    @property
    def run(self) -> pathlib.Path:
        return self.state / "run"

    @property
    def postgres(self) -> pathlib.Path:
        return self.state / "postgres"

    def log(self, part: str) -> pathlib.Path:
        return self.state / "logs" / f"{part}.log"

    def last_words(self, part: str) -> str:
        """The last line of a part's log, and where the rest is."""
        lines = self.log(part).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1][:300] if lines else 'it said nothing'} ({self.log(part)})"

    def kubeconfig(self, who: str = "admin") -> pathlib.Path:
        return self.state / ("kubeconfig" if who == "admin" else f"kubeconfig-{who}")

    def check_programs(self) -> None:
        missing = [name for name in PROGRAMS if not (self.bin / name).is_file()]
        if missing:
            raise LabError(f"{', '.join(missing)} not found in {self.bin}: run `make setup`, which builds the lab's programs (once, some minutes).")
