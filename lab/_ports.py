"""Free ports on loopback, outside the range that the system gives to outgoing connections."""

from __future__ import annotations

import json
import random
import socket
import typing as t

from ._errors import LabError
from ._layout import Layout

FIRST, LAST = 20000, 32000


def choose(layout: Layout, names: t.Sequence[str]) -> dict[str, int]:
    """A port for each name: nobody listens on it, and no other lab of this checkout has it written down."""
    taken = _of_other_labs(layout)
    ports: dict[str, int] = {}
    candidates = iter(random.sample(range(FIRST, LAST), 500))
    for name in names:
        port = next((candidate for candidate in candidates if candidate not in taken and free(candidate)), None)
        if port is None:
            raise LabError(f"no free port was found between {FIRST} and {LAST} on 127.0.0.1: see what listens there, with `ss -ltnp`.")
        ports[name] = port
    return ports


def free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a port in TIME_WAIT counts as free; a listener still refuses the bind.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _of_other_labs(layout: Layout) -> set[int]:
    taken: set[int] = set()
    for record in layout.labs.glob("*/lab.json"):
        try:
            taken.update(json.loads(record.read_text(encoding="utf-8"))["ports"].values())
        except (OSError, ValueError, KeyError):
            continue  # being written or removed at this moment
    return taken
