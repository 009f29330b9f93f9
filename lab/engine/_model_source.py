# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the model would come from: a folder, the hub's cache, the hub; and how each of them fails."""

from __future__ import annotations

import pathlib
import typing as t

from ._faults import Faults
from ._settings import Settings

_GATED = (
    "You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/{model}.\n401 Client Error. (Request ID: Root=1-lab)\n\n"
    "Cannot access gated repo for url https://huggingface.co/{model}/resolve/main/config.json.\n"
    "Access to model {model} is restricted. You must have access to it and be authenticated to access it. Please log in."
)
_UNAUTHORIZED = (
    "{model} is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'\nIf this is a private repository, make sure "
    "to pass a token having permission to this repo either by logging in with `hf auth login` or by passing `token=<your_token>`"
)
_UNREACHABLE = (
    "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.\n"
    "Check your internet connection or see how to run the library in offline mode at 'https://huggingface.co/docs/transformers/installation#offline-mode'."
)
_OFFLINE = (
    "Cannot find an appropriate cached snapshot folder for the specified revision on the local disk and outgoing traffic has been disabled. "
    "To enable repo look-ups and downloads online, pass 'local_files_only=False' as input."
)
_NO_FOLDER = "Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{model}'. Use `repo_type` argument if needed."


def source_error(settings: Settings, faults: Faults, environ: t.Mapping[str, str]) -> str | None:
    model = settings.model
    texts = {"gated": _GATED, "unauthorized": _UNAUTHORIZED, "hub": _UNREACHABLE}
    if faults.start_fault in texts:
        return texts[faults.start_fault].format(model=model)
    if faults.model == "present" or pathlib.Path(model).is_dir():
        return None
    if model.startswith(("/", "./", "../")) or model.count("/") > 1:
        return _NO_FOLDER.format(model=model)
    offline = any(environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return _OFFLINE if offline and not _cached(model, environ) else None


def _cached(model: str, environ: t.Mapping[str, str]) -> bool:
    home = environ.get("HF_HOME") or str(pathlib.Path(environ.get("HOME") or "/") / ".cache/huggingface")
    hub = environ.get("HF_HUB_CACHE") or str(pathlib.Path(home) / "hub")
    return (pathlib.Path(hub) / f"models--{model.replace('/', '--')}").is_dir()
