# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Kubernetes quantities as exact integers: parsed, rounded and compared as the API server and the scheduler do."""

from __future__ import annotations

import functools
import re
import typing as t

from ._errors import InputError

#: Largest amount the scheduler can hold (a signed 64-bit integer). Above it its sums wrap round and anything "fits".
LARGEST = 2**63 - 1

_PATTERN = re.compile(r"(?P<sign>[+-]?)(?P<whole>\d*)(?:\.(?P<part>\d*))?(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?\d{1,9}))?", re.ASCII)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_EXPONENTS = 40


@functools.lru_cache(maxsize=4096)
def milli(text: str) -> int:
    """Thousandths, rounded up as the API server does when it stores a quantity. Raises ValueError saying what is wrong."""
    found = _PATTERN.fullmatch(text)
    if not found or not (found["whole"] or found["part"]):
        raise ValueError(f"{text!r} is not a quantity such as 2, 500m, 1.5Gi or 1e3")
    digits, places = found["whole"] + (found["part"] or ""), len(found["part"] or "")
    exponent = int(found["exponent"]) if found["exponent"] else _DECIMAL.get(found["suffix"] or "", 0)
    number = int(digits) << _BINARY.get(found["suffix"] or "", 0)
    if number == 0:
        return 0
    if found["sign"] == "-":
        raise ValueError(f"{text!r} is negative")
    if abs(exponent) > _EXPONENTS:
        raise ValueError(f"{text!r} is beyond what Kubernetes can count")
    power = exponent + 3 - places
    return int(number * 10**power) if power >= 0 else int(-(-number // 10**-power))


def units(name: str, thousandths: int) -> int:
    """What the scheduler compares: thousandths for ``cpu``, whole units rounded up for everything else."""
    return thousandths if name == "cpu" else -(-thousandths // 1000)


def read(value: t.Any, where: str) -> int:
    """``milli()`` of a value out of YAML or JSON; the error names the object and the field."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: {value!r} is not a quantity such as 2, 500m, 1.5Gi or 1e3")
    try:
        return milli(value if isinstance(value, str) else repr(value))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def noun(name: str) -> str:
    """What people call a resource in the plural: ``GPUs`` for every vendor's own name of them."""
    return "GPUs" if name.endswith("/gpu") else name


def in_words(name: str, amount: int) -> str:
    """An amount in the scheduler's units as people write it: ``500m``, ``24Gi``, ``2``."""
    if name == "cpu":
        return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages-"):
        for suffix, power in reversed(_BINARY.items()):
            if amount and amount % (1 << power) == 0:
                return f"{amount >> power}{suffix}"
        return f"{amount / (1 << 30):.1f}Gi" if amount >= 1 << 30 else str(amount)
    return str(amount)
