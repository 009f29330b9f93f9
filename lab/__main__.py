"""``python -m lab up|down|status|load|build|env|logs``."""

from __future__ import annotations

import argparse
import pathlib
import shlex
import sys
import typing as t

from . import _nodes, _optional, load, nodes_file
from ._client import ApiError
from ._errors import LabError
from ._layout import Layout
from .down import down
from .env import variables
from .status import existing, logs, status
from .up import up


def main(arguments: t.Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(COMMANDS[options.command](Layout(options.name), options))
    except (LabError, ApiError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run the same command again to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default="default", help="which lab; several run side by side (default: default)")
    parser = argparse.ArgumentParser(prog="python -m lab", description="A whole platform on this machine: Kubernetes control plane, GPU nodes, PostgreSQL.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("up", parents=[common], help="start the lab, or what of it does not run")
    command.add_argument("--nodes", type=_number, help="GPU nodes (default: 2)")
    command.add_argument("--gpus-per-node", type=_number, help="GPUs of each (default: 8)")
    command.add_argument("--nodes-file", type=pathlib.Path, metavar="FILE", help="nodes of odd shapes; lab/examples/nodes.yaml shows how")
    command.add_argument(
        "--with", dest="extra", action="append", default=[], choices=list(_optional.OPTIONAL), help="also start an optional part; may be repeated"
    )
    commands.add_parser("down", parents=[common], help="end the lab and remove all of it")
    commands.add_parser("status", parents=[common], help="a table of the parts")
    command = commands.add_parser("load", parents=[common], help="add many nodes and pods that kwok only pretends to run, for tests of scale")
    command.add_argument("--nodes", type=_number, default=100, help="simulated nodes (default: 100)")
    command.add_argument("--gpu-nodes", type=_count, default=20, help="how many of them have GPUs (default: 20)")
    command.add_argument("--pods", type=_count, default=2000, help="pods on them (default: 2000)")
    command.add_argument("--remove", action="store_true", help="remove all of it again")
    command = commands.add_parser("build", parents=[common], help="build an optional part's programs into .lab/bin, without starting anything")
    command.add_argument("part", choices=[name for name, part in _optional.OPTIONAL.items() if part.programs])
    command = commands.add_parser("env", parents=[common], help="print the variables to use the lab with, for eval")
    command.add_argument("--as", dest="who", default="operator", help="operator, viewer, admin, migrator or reader (default: operator)")
    command = commands.add_parser("logs", parents=[common], help="print what a part wrote")
    command.add_argument("part")
    command.add_argument("-f", "--follow", action="store_true")
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) > 200_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 200000")
    return int(text)


def _number(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 10000")
    return int(text)


def _up(layout: Layout, options: argparse.Namespace) -> int:
    up(layout, _asked(options), options.extra, _say)
    return 0


def _asked(options: argparse.Namespace) -> list[_nodes.Node] | None:
    """The nodes that the command line asks for; None when it says nothing about them."""
    counted = options.nodes is not None or options.gpus_per_node is not None
    if options.nodes_file is None:
        return _nodes.default_nodes(options.nodes or 2, options.gpus_per_node or 8) if counted else None
    if counted:
        raise LabError("--nodes-file says all about the nodes: leave out --nodes and --gpus-per-node.")
    return nodes_file.read(options.nodes_file)


def _down(layout: Layout, _options: argparse.Namespace) -> int:
    down(layout, _say)
    return 0


def _status(layout: Layout, _options: argparse.Namespace) -> int:
    return 0 if status(layout, _say) else 1


def _load(layout: Layout, options: argparse.Namespace) -> int:
    lab = existing(layout)
    if options.remove:
        load.remove(lab, _say)
    else:
        load.add(lab, nodes=options.nodes, gpu_nodes=options.gpu_nodes, pods=options.pods, say=_say)
    return 0


def _build(layout: Layout, options: argparse.Namespace) -> int:
    _optional.build(layout, options.part, _say)
    _say(f"{options.part} is built: {', '.join(str(layout.bin / program) for program in _optional.OPTIONAL[options.part].programs)}.")
    return 0


def _env(layout: Layout, options: argparse.Namespace) -> int:
    for name, value in variables(existing(layout), options.who).items():
        _say(f"export {name}={shlex.quote(value)}")
    return 0


def _logs(layout: Layout, options: argparse.Namespace) -> int:
    logs(layout, options.part, follow=options.follow)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


COMMANDS: dict[str, t.Callable[[Layout, argparse.Namespace], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "load": _load,
    "build": _build,
    "env": _env,
    "logs": _logs,
}

if __name__ == "__main__":
    sys.exit(main())
