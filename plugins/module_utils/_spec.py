# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a module is: its options with their constraints, and what it is told beside them when it runs. Pure.

Each module has one ``SPEC`` and one ``run(params, context)``; the module and the action plugin of the same name both call them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ._actor import Actor

Options = dict[str, dict[str, t.Any]]
Params = t.Mapping[str, t.Any]
Result = dict[str, t.Any]
Names = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Spec:
    """The options of a module and how they belong together, as AnsibleModule and validate_argument_spec take them."""

    options: Options
    mutually_exclusive: tuple[Names, ...] = ()
    required_together: tuple[Names, ...] = ()
    required_one_of: tuple[Names, ...] = ()
    required_if: tuple[tuple[t.Any, ...], ...] = ()
    required_by: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def arguments(self) -> dict[str, t.Any]:
        """Keyword arguments, those that are empty left out."""
        constraints = {
            "mutually_exclusive": [list(names) for names in self.mutually_exclusive],
            "required_together": [list(names) for names in self.required_together],
            "required_one_of": [list(names) for names in self.required_one_of],
            "required_if": [list(rule) for rule in self.required_if],
            "required_by": dict(self.required_by),
        }
        return {"argument_spec": self.options, **{name: rule for name, rule in constraints.items() if rule}}

    def complete(self, given: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
        """All options for ``run`` when another part of the collection calls it: what is not given has its default, or its variable's value."""
        unknown = set(given) - set(self.options)
        if unknown:
            raise KeyError(f"no such options: {', '.join(sorted(unknown))}")
        return {name: given[name] if given.get(name) is not None else _default(option, environ) for name, option in self.options.items()}


def _default(option: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> t.Any:
    _fallback, names = option.get("fallback") or (None, ())
    found = next((environ[name] for name in names if environ.get(name)), None)
    return option.get("default") if found is None else found


def silent(_text: str) -> None:
    """Says nothing."""


@dataclasses.dataclass(frozen=True)
class Context:
    """``say`` prints a line of progress, where somebody can read it; ``warn`` adds a warning to the task. ``pid`` is the process of the whole
    run, ``host`` the inventory host that the task is for, ``peers`` the namespace and release of the
    play's other hosts."""

    check_mode: bool = False
    say: t.Callable[[str], None] = silent
    warn: t.Callable[[str], None] = silent
    actor: Actor = dataclasses.field(default_factory=Actor)
    pid: int = 0
    host: str = ""
    peers: t.Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)


RunFunction = t.Callable[[Params, Context], Result]
