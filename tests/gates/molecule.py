"""The roles' Molecule scenarios, on a lab of their own that has the registry's schema."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from tests.gates._lines import ROOT

LAB = "molecule"


def main() -> int:
    if not sorted((ROOT / "extensions" / "molecule").glob("*/molecule.yml")):
        print("extensions/molecule has no scenario.")
        return 1
    try:
        lab("up")
        migrator = ["ansible-playbook", str(ROOT / "playbooks" / "registry_schema.yml")]
        subprocess.run(migrator, cwd=ROOT, env=os.environ | access("migrator"), check=True)
        return subprocess.call(["molecule", "test", "--all"], cwd=ROOT / "extensions", env=os.environ | access("operator"))
    finally:
        lab("down")


def lab(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", verb, "--name", LAB], cwd=ROOT, check=True)


def access(user: str) -> dict[str, str]:
    """The variables that ``lab env`` prints for a shell."""
    printed = subprocess.run([sys.executable, "-m", "lab", "env", "--name", LAB, "--as", user], cwd=ROOT, check=True, capture_output=True, text=True)
    words = (word for line in printed.stdout.splitlines() for word in shlex.split(line)[1:])
    return dict(word.split("=", 1) for word in words)


if __name__ == "__main__":
    sys.exit(main())
