# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vLLM does with its environment: refuses a service link in VLLM_PORT, warns about names it does not know."""

from __future__ import annotations

import typing as t

from ._cli import DATA
from ._log import warning


def port_error(environ: t.Mapping[str, str]) -> str | None:
    """Kubernetes injects VLLM_PORT=tcp://... into every pod of a namespace that has a Service named ``vllm``."""
    port = environ.get("VLLM_PORT")
    if port is None:
        return None
    if "://" in port:
        return (
            f"VLLM_PORT '{port}' appears to be a URI. This may be caused by a Kubernetes service discovery issue,"
            "check the warning in: https://docs.vllm.ai/en/latest/configuration/env_vars.html"
        )
    return None if port.isdecimal() else f"VLLM_PORT '{port}' must be a valid integer"


def unknown_names(environ: t.Mapping[str, str]) -> list[str]:
    known = {line for line in (DATA / "environment.txt").read_text().splitlines() if line.startswith("VLLM_")}
    return sorted(name for name in environ if name.startswith("VLLM_") and name not in known)


def warn_of_unknown(environ: t.Mapping[str, str]) -> list[str]:
    names = unknown_names(environ)
    for name in names:
        warning("envs.py:2398", f"Unknown vLLM environment variable detected: {name}")
    return names
