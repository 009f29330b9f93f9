"""shellcheck over every shell script that git knows."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from tests.runner._lines import ROOT


def is_script(path: pathlib.Path) -> bool:
    """By its name, or by its first line."""
    if path.suffix == ".sh":
        return True
    if path.suffix or not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as file:
        return file.readline(40).rstrip() in (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/usr/bin/env sh")


def main() -> int:
    known = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    scripts = [name for name in known.stdout.split("\0") if name and is_script(ROOT / name)]
    if not scripts:
        print("No shell script was found, which is wrong: lab/setup has some.")
        return 1
    print("\n".join(scripts))
    return subprocess.call(["shellcheck", "--external-sources", *scripts], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
