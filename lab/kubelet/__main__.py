"""``python -m lab.kubelet --kubeconfig FILE --state DIR``."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import pathlib
import signal
import sys

from . import kubeconfig
from .api import Api
from .kubelet import Kubelet, end_processes
from .lab import ROOT
from .types import Options

SECONDS = (
    ("crash-backoff", 10.0, "first delay of CrashLoopBackOff, doubled up to 300"),
    ("pull-backoff", 10.0, "first delay of ImagePullBackOff, doubled up to 300"),
    ("retry", 10.0, "pause after a start that failed"),
    ("eager-startup", 1.0, "look for a started container this often between the ticks of its startup probe; 0: never"),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.kubelet", description="Runs the pods of the lab's nodes as local processes.")
    parser.add_argument("--kubeconfig", type=pathlib.Path, help="how to reach the API server, as an administrator")
    parser.add_argument("--state", type=pathlib.Path, required=True, help="folder of the lab; the pods' folders are made under it")
    parser.add_argument("--images", type=pathlib.Path, default=ROOT / "lab" / "images", help="the image store (default: %(default)s)")
    parser.add_argument("--node-selector", default=Options.node_selector, help="label of the nodes it is responsible for (default: %(default)s)")
    for name, default, meaning in SECONDS:
        # The lab starts the kubelet; a variable reaches it where an argument does not.
        given = float(os.environ.get(f"LAB_KUBELET_{name.upper().replace('-', '_')}") or default)
        parser.add_argument(f"--{name}", type=float, default=given, metavar="SECONDS", help=f"{meaning} (default: {default:g})")
    parser.add_argument("--end-all", action="store_true", help="end every process that pods under --state have left behind, then exit; needs no API server")
    return parser.parse_args()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    given = arguments()
    given.state.mkdir(parents=True, exist_ok=True)
    if given.end_all:
        for folder in (given.state / "pods").glob("*"):
            end_processes(folder)
        return 0
    if given.kubeconfig is None:
        print("--kubeconfig is needed: the file that `lab up` writes into its state folder", file=sys.stderr)
        return 2
    with (given.state / "kubelet.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another kubelet works in {given.state}: stop it first, or give this one a folder of its own", file=sys.stderr)
            return 1
        try:
            access = kubeconfig.load(given.kubeconfig)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        asyncio.run(_run(Kubelet(Api(access), _options(given))))
    return 0


def _options(given: argparse.Namespace) -> Options:
    return Options(
        state=given.state.resolve(),
        images=given.images.resolve(),
        node_selector=given.node_selector,
        crash_base=given.crash_backoff,
        pull_base=given.pull_backoff,
        retry=given.retry,
        eager_startup=given.eager_startup,
    )


async def _run(kubelet: Kubelet) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await kubelet.run(stop)


if __name__ == "__main__":
    sys.exit(main())
