# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to follow, from the environment: ``VLLM_ROUTES_*``, and libpq's own ``PG*`` for the database."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import re
import typing as t

ENVIRONMENTS = ("development", "staging", "production")


class SettingsError(Exception):
    """A setting that cannot be right; the sentence names it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """``poll`` and ``timeout`` are seconds; ``state`` is the file that keeps the last good list over a restart; ``connection`` is libpq's."""

    environment: str
    organization: str | None = None
    schema: str = "public"
    poll: float = 2.0
    timeout: float = 5.0
    state: pathlib.Path | None = None
    connection: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


def settings(environ: t.Mapping[str, str] | None = None) -> Settings:
    given = os.environ if environ is None else environ
    environment, schema = given.get("VLLM_ROUTES_ENVIRONMENT", ""), given.get("VLLM_ROUTES_SCHEMA") or "public"
    if environment not in ENVIRONMENTS:
        raise SettingsError(f"VLLM_ROUTES_ENVIRONMENT is {environment!r}: set it to {', '.join(ENVIRONMENTS[:-1])} or {ENVIRONMENTS[-1]}")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise SettingsError(f"VLLM_ROUTES_SCHEMA is {schema!r}: a plain identifier is needed (lower case letters, digits and underscores)")
    state = given.get("VLLM_ROUTES_STATE")
    return Settings(
        environment=environment,
        organization=given.get("VLLM_ROUTES_ORGANIZATION") or None,
        schema=schema,
        poll=_seconds(given, "VLLM_ROUTES_POLL_SECONDS", 2.0),
        timeout=_seconds(given, "VLLM_ROUTES_TIMEOUT", 5.0),
        state=pathlib.Path(state) if state else None,
        connection=_tls(given),
    )


def _seconds(given: t.Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name)
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise SettingsError(f"{name} is {text!r}: a number of seconds from 0.1 to 3600 is needed")
    return seconds


def _tls(given: t.Mapping[str, str]) -> dict[str, str]:
    """Off this machine the database must prove who it is, unless PGSSLMODE says otherwise."""
    if given.get("PGSSLMODE") or given.get("PGSERVICE") or all(_local(host) for host in given.get("PGHOST", "").split(",")):
        return {}
    own = given.get("PGSSLROOTCERT") or pathlib.Path("~/.postgresql/root.crt").expanduser().exists()
    return {"sslmode": "verify-full"} if own else {"sslmode": "verify-full", "sslrootcert": "system"}


def _local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
