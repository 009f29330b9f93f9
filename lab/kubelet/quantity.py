"""Kubernetes quantities: ``512Gi``, ``100m``, ``1e3``."""

from __future__ import annotations

import decimal
import math
import re

_BINARY = {suffix: decimal.Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {suffix: decimal.Decimal(10) ** power for suffix, power in {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}.items()}
_FORM = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([KMGTPE]i|[numkMGTPE])?")


def parse(text: str | int | float) -> decimal.Decimal:
    """The number that a quantity stands for. ValueError for what is none."""
    match = _FORM.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    try:
        number = decimal.Decimal(match.group(1))
    except decimal.InvalidOperation as error:
        raise ValueError(f"{text!r} is not a quantity") from error
    suffix = match.group(2) or ""
    return number * _BINARY.get(suffix, _DECIMAL.get(suffix, decimal.Decimal(1)))


def units(text: str | int | float, divisor: str | int | float = 1) -> int:
    """How many of ``divisor`` it is, rounded up, as the downward API gives it."""
    return math.ceil(parse(text) / (parse(divisor) or decimal.Decimal(1)))
