"""``python -m lab.names --name LAB``: started by ``lab up --with names``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from .._api import client
from .._errors import LabError
from .._layout import Layout
from .._state import load
from ._proxy import HEAD_BYTES, Proxy
from ._world import Names

FOREVER = 1e9


async def serve(layout: Layout) -> None:
    state = load(layout)
    if state is None:
        raise LabError(f"lab {layout.name} does not exist.")
    proxy = Proxy(Names(client(layout, state, seconds=FOREVER)))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", state.ports["names"], limit=HEAD_BYTES)
    async with server:
        await stop.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.names", description="An HTTP forward proxy that knows the names of the lab's Services.")
    parser.add_argument("--name", required=True)
    try:
        asyncio.run(serve(Layout(parser.parse_args().name)))
    except LabError as error:
        print(f"lab names: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
