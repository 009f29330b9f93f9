# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of ``vllm serve``: every flag of 0.32.0, read by the same rules (argparse, dashes or underscores, ``--config``)."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import typing as t

import yaml

from . import VERSION
from ._log import error, warning

DATA = pathlib.Path(__file__).parent / "data"
_USAGE = """usage: vllm [-h] [-v]
            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,run-batch,snapshot}
            ...
"""
_TASK_HINT = (
    "\n\nHint: --task is not a vllm serve option. For embedding, reranking, or reward models, use --runner pooling. "
    "To adapt a generative model for pooling, also use --convert embed, --convert classify, or --convert reward."
)
_NAME = re.compile(r"(?<=--)[^\.]*")


def human_readable_int(value: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT])", value.strip())
    if not match:
        return int(value)
    number, suffix = match.groups()
    if suffix.islower():
        return int(float(number) * 1000.0 ** ("kmgt".index(suffix) + 1))
    return int(number) << (10 * "KMGT".index(suffix) + 10)


def human_readable_int_or_auto(value: str) -> int:
    return -1 if value.strip().lower() in ("-1", "auto") else human_readable_int(value)


def loads(value: str) -> t.Any:
    return json.loads(value)


_TYPES: dict[str, t.Callable[[str], t.Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "json": loads,
    "human_readable_int": human_readable_int,
    "human_readable_int_or_auto": human_readable_int_or_auto,
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="vllm serve", usage="vllm serve [model_tag] [options]")
    made.add_argument("model_tag", nargs="?")
    for line in (DATA / "flags.tsv").read_text().splitlines():
        if not line.startswith("#"):
            _add(made, *line.split("\t"))
    return made


def _add(made: argparse.ArgumentParser, options: str, kind: str, choices: str = "") -> None:
    names = options.split()
    if kind == "bool":
        made.add_argument(*names, action=argparse.BooleanOptionalAction)
    elif kind == "flag":
        made.add_argument(*names, action="store_true")
    elif kind == "append":
        made.add_argument(*names, action="append")
    else:
        several = kind[-1] if kind[-1] in "+?" else None
        of = _TYPES[kind.rstrip("+?")]
        allowed = [of(choice) for choice in choices.split(",")] if choices and of is not loads else None
        made.add_argument(*names, type=of, nargs=several, choices=allowed)


def parse(argv: list[str]) -> argparse.Namespace:
    """Exits with 2 as argparse does; raises ValueError where vLLM prints a traceback and exits with 1."""
    made = parser()
    args = _model_first(argv)
    if "--config" in args:
        args = _with_config(made, args)
    parsed, unknown = made.parse_known_args(_dotted(_dashes(args)))
    if unknown:
        hint = _TASK_HINT if any(re.match(r"--task(=|$)", word) for word in unknown) else ""
        sys.stderr.write(f"{_USAGE}vllm: error: unrecognized arguments: {' '.join(unknown)}{hint}\n")
        sys.exit(2)
    parsed.model = parsed.model_tag or parsed.model or "Qwen/Qwen3-0.6B"
    return parsed


def _model_first(args: list[str]) -> list[str]:
    at = next((i for i, word in enumerate(args) if re.match(r"^--model(=.+|$)", word)), None)
    if at is not None:
        warning(
            "argparse_utils.py:301",
            "With `vllm serve`, you should provide the model as a positional argument or in a config file instead of via the `--model` option. "
            "The `--model` option will be removed in a future version.",
        )
        whole = args[at] == "--model"
        model = args[at + 1] if whole else args[at].removeprefix("--model=")
        args = [model, *args[:at], *args[at + (2 if whole else 1) :]]
    named = any(re.match(r"^--served[-_]model[-_]name(=.+|$)", word) for word in args)
    if args and args[0].startswith("-") and named and not any(re.match(r"^--config(=.+|$)", word) for word in args):
        raise ValueError("`model` should be provided as the first positional argument when using `vllm serve`. i.e. `vllm serve <model> --<arg> <value>`.")
    return args


def _with_config(made: argparse.ArgumentParser, args: list[str]) -> list[str]:
    at = args.index("--config")
    if at == len(args) - 1:
        raise ValueError("No config file specified! Please check your command-line arguments.")
    rest = args[:at] + args[at + 2 :]
    settings = _config_words(made, args[at + 1])
    if rest and not rest[0].startswith("-"):
        return [rest[0], *settings, *rest[1:]]
    if "--model" not in settings:
        raise ValueError("No model specified! Please specify model either as a positional argument or in a config file.")
    return settings + rest


def _config_words(made: argparse.ArgumentParser, path: str) -> list[str]:
    extension = path.rsplit(".", 1)[-1]
    if extension not in ("yaml", "yml"):
        raise ValueError(f"Config file must be of a yaml/yml type. {extension} supplied")
    try:
        settings = yaml.safe_load(pathlib.Path(path).read_text())
    except OSError:
        error("argparse_utils.py:601", f"Unable to read the config file at {path}. Check path correctness")
        raise
    return [word for key, value in settings.items() for word in _option_words(made, key, value)]


def _option_words(made: argparse.ArgumentParser, key: str, value: t.Any) -> list[str]:
    option = f"--{key}"
    if isinstance(value, bool):
        negative = f"--no-{key}"
        return [option] if value else [negative] if negative in made._option_string_actions else []
    if isinstance(value, list):
        return [option, *map(str, value)] if value else []
    return [option, json.dumps(value) if isinstance(value, dict) else str(value)]


def _dashes(args: list[str]) -> list[str]:
    """Everything between the first ``--`` and the first ``.`` or ``=`` may be written with underscores."""
    words = []
    for word in args:
        name, equals, value = word.partition("=")
        words.append(_NAME.sub(lambda m: m.group(0).replace("_", "-"), name, count=1) + equals + value if word.startswith("--") else word)
    return words


def _dotted(args: list[str]) -> list[str]:
    """``--json-arg.key value`` is ``--json-arg '{"key": value}'``."""
    plain: list[str] = []
    found: dict[str, dict[str, t.Any]] = {}
    words = iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if not (name.startswith("--") and "." in name):
            plain.append(word)
            continue
        option, *keys = name.split(".")
        level = found.setdefault(option, {})
        for key in keys[:-1]:
            level = level.setdefault(key, {})
        level[keys[-1]] = _json_or_text(value if equals else next(words, ""))
    return plain + [word for option, value in found.items() for word in (option, json.dumps(value))]


def _json_or_text(value: str) -> t.Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def version_or_command(argv: list[str]) -> list[str]:
    """Takes ``serve`` off; answers ``--version``; any other command of vLLM is not simulated."""
    if argv[:1] in (["-v"], ["--version"]):
        print(VERSION)
        sys.exit(0)
    if argv[:1] == ["serve"]:
        return argv[1:]
    sys.stderr.write(f"{_USAGE}vllm: error: the simulated engine knows only the command serve, not {' '.join(argv[:1]) or 'none'}\n")
    sys.exit(2)
