"""The roles' Molecule scenarios, on a lab of their own. The first one brings the registry's schema that the others need."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from tests.runner._lines import ROOT

LAB = f"molecule-{os.getpid()}"
FIRST = "registry_schema"


def main() -> int:
    scenarios = sorted((path.parent.name for path in (ROOT / "extensions" / "molecule").glob("*/molecule.yml")), key=lambda name: (name != FIRST, name))
    if not scenarios:
        print("extensions/molecule has no scenario.")
        return 1
    try:
        lab("up")
        migrator = access("migrator")
        environment = os.environ | access("operator") | {"MIGRATOR_USER": migrator["PGUSER"], "MIGRATOR_PASSWORD": migrator["PGPASSWORD"]}
        # Molecule remembers from an earlier run, on another lab, that the scenarios are prepared.
        subprocess.run(["molecule", "reset", "--all"], cwd=ROOT, env=environment, check=True)
        failed = [name for name in scenarios if subprocess.call(["molecule", "test", "--scenario-name", name], cwd=ROOT, env=environment)]
    finally:
        lab("down")
    if failed:
        print(f"Failed scenarios: {', '.join(failed)}.")
    return 1 if failed else 0


def lab(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", verb, "--name", LAB], cwd=ROOT, check=True)


def access(user: str) -> dict[str, str]:
    """The variables that ``lab env`` prints for a shell."""
    printed = subprocess.run([sys.executable, "-m", "lab", "env", "--name", LAB, "--as", user], cwd=ROOT, check=True, capture_output=True, text=True)
    words = (word for line in printed.stdout.splitlines() for word in shlex.split(line)[1:])
    return dict(word.split("=", 1) for word in words)


if __name__ == "__main__":
    sys.exit(main())
