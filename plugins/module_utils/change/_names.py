# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A model's name as a Helm release: safe, stable and collision-free. Pure."""

from __future__ import annotations

import hashlib
import re

from .._errors import InputError

#: Helm's own limit: it appends suffixes to the name within the 63 characters of a DNS label.
RELEASE_NAME_MAX = 53

_DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS_1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_HASH_LENGTH = 6


def release_name(model: str, environment: str) -> str:
    """``{model}-{environment}`` where a Service can have that name; else the model's name made safe, with six digits of its hash.

    The hash is of the model's own name, so that ``qwen2.5-7b`` and ``qwen2-5-7b`` are two releases, on every machine and every day the same.
    """
    plain = f"{model}-{environment}"
    if refusal(plain) is None:
        return plain
    mark = hashlib.sha256(model.encode()).hexdigest()[:_HASH_LENGTH]
    safe = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    if not re.match(r"[a-z]", safe) or safe == "vllm" or safe.startswith("vllm-"):
        safe = f"m-{safe}".rstrip("-")
    longest = RELEASE_NAME_MAX - len(f"-{mark}-{environment}")
    return f"{safe[:longest].strip('-')}-{mark}-{environment}"


def refusal(release: str) -> str | None:
    """Why neither Helm, a Service nor vLLM can live with the name; None when all of them can."""
    if not _DNS_1035_LABEL.fullmatch(release):
        return "a Service needs lower-case letters, digits and '-' only, starting with a letter and ending with a letter or digit"
    if len(release) > RELEASE_NAME_MAX:
        return f"it has {len(release)} characters, and Helm takes {RELEASE_NAME_MAX}"
    if release == "vllm" or release.startswith("vllm-"):
        variable = release.upper().replace("-", "_")
        return f"Kubernetes would inject {variable}_* variables into every pod of the namespace, which vLLM takes for its own settings and refuses to start"
    return None


def check_release(release: str) -> None:
    """Raises InputError that names the variable to set."""
    why = refusal(release)
    if why:
        raise InputError(f"release {release!r} is refused: {why}; set vllm_release (release) to another name for the Helm release", code="bad_release_name")


def check_namespace(namespace: str) -> None:
    if not _DNS_1123_LABEL.fullmatch(namespace) or len(namespace) > 63:
        raise InputError(
            f"namespace {namespace!r} is refused: up to 63 lower-case letters, digits and '-', starting and ending with a letter or digit; set vllm_namespace",
            code="bad_namespace",
        )
