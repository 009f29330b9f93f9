"""Real routers: found on this machine, or made ready in the ignored folder .cache without any rights; or why not."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[4]
CACHE = ROOT / ".cache"
#: HAProxy and those of its libraries that a machine without it has not got.
DEBIAN = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")


class Missing(Exception):
    """Why the router cannot be had here."""


def haproxy() -> tuple[list[str], dict[str, str]]:
    """The command, and what its environment needs."""
    given = os.environ.get("HAPROXY") or shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if given:
        return [given], {}
    place = CACHE / "haproxy"
    program = place / "usr" / "sbin" / "haproxy"
    if not program.exists():
        _unpack(place)
    libraries = sorted({str(path.parent) for path in place.glob("usr/lib/**/*.so*")})
    environment = {"LD_LIBRARY_PATH": ":".join(libraries)}
    tried = subprocess.run([str(program), "-v"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    if tried.returncode:
        raise Missing(f"Debian's HAProxy does not run here: {tried.stderr.strip()[:200]}")
    return [str(program)], environment


def _unpack(place: pathlib.Path) -> None:
    """Debian's packages, unpacked beside everything else: needs package lists, no rights."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing("HAProxy is not installed, and this is no Debian to unpack it from: install it, or set HAPROXY")
    making = place.with_name(f"haproxy.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    done = subprocess.run(["apt-get", "download", *DEBIAN], cwd=making, capture_output=True, text=True, timeout=120, check=False)
    packages = list(making.glob("*.deb"))
    if not any(package.name.startswith("haproxy_") for package in packages):
        shutil.rmtree(making)
        raise Missing(f"HAProxy is not installed, and its package cannot be downloaded: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
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
