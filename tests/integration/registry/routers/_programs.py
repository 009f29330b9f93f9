"""Real routers: found on this machine, or made ready in the ignored folder .cache without any rights; or why not."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[4]
CACHE = ROOT / ".cache"
#: Each with those of its libraries that a machine without it has not got.
DEBIAN = {"haproxy": ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"), "nginx": ("nginx",)}


class Missing(Exception):
    """Why the router cannot be had here."""


def debian(name: str) -> tuple[str, dict[str, str]]:
    """The program, and what its environment needs."""
    given = os.environ.get(name.upper()) or shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if given:
        return given, {}
    place = CACHE / name
    program = place / "usr" / "sbin" / name
    if not program.exists():
        _unpack(name, place)
    environment = {"LD_LIBRARY_PATH": ":".join(sorted({str(path.parent) for path in place.glob("usr/lib/**/*.so*")}))}
    tried = subprocess.run([str(program), "-v"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    if tried.returncode:
        raise Missing(f"Debian's {name} does not run here: {tried.stderr.strip()[:200]}")
    return str(program), environment


def _unpack(name: str, place: pathlib.Path) -> None:
    """Debian's packages, unpacked beside everything else: needs package lists, no rights."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing(f"{name} is not installed, and this is no Debian to unpack it from: install it, or set {name.upper()}")
    making = place.with_name(f"{name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    done = subprocess.run(["apt-get", "download", *DEBIAN[name]], cwd=making, capture_output=True, text=True, timeout=120, check=False)
    packages = list(making.glob("*.deb"))
    if not any(package.name.startswith(f"{name}_") for package in packages):
        shutil.rmtree(making)
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{name} is not installed, and its package cannot be downloaded: {reason}")
    for package in packages:
        subprocess.run(["dpkg", "-x", str(package), str(making)], check=True, timeout=60)
        package.unlink()
    shutil.rmtree(place, ignore_errors=True)
    making.rename(place)


def litellm() -> str:
    program = os.environ.get("LITELLM") or str(CACHE / "litellm" / "bin" / "litellm")
    if not pathlib.Path(program).exists():
        raise Missing("LiteLLM is not installed: make test-routers installs it, or set LITELLM")
    return program
