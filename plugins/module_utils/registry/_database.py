# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which database, as whom, how safely: libpq's parameters from the options and ``PG*``. Pure."""

from __future__ import annotations

import configparser
import dataclasses
import ipaddress
import os
import re
import typing as t

from .._errors import InputError

#: Option to libpq parameter and the variable that libpq itself falls back to.
_PARAMETERS = {
    "login_host": ("host", "PGHOST"),
    "login_port": ("port", "PGPORT"),
    "login_user": ("user", "PGUSER"),
    "login_password": ("password", "PGPASSWORD"),
    "login_db": ("dbname", "PGDATABASE"),
    "service": ("service", "PGSERVICE"),
    "ssl_mode": ("sslmode", "PGSSLMODE"),
    "ca_cert": ("sslrootcert", "PGSSLROOTCERT"),
    "ssl_cert": ("sslcert", "PGSSLCERT"),
    "ssl_key": ("sslkey", "PGSSLKEY"),
}

#: Read of the environment and the service file alone: what a name is connected to is not a module's option.
_ADDRESS = {"hostaddr": "PGHOSTADDR"}


@dataclasses.dataclass(frozen=True)
class Database:
    """``given`` is what was said by option or environment; ``parameters`` is what the driver is called with."""

    parameters: dict[str, t.Any]
    given: dict[str, str]
    schema: str
    timeout: float
    secrets: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return self.given.get("host", "")

    def place(self) -> str:
        """The database in the words of a message."""
        if "service" in self.given:
            return f"PostgreSQL service {self.given['service']}"
        host = self.host or "the local socket"
        where = host if host.startswith(("/", "@")) or not self.host else f"{host}:{self.given.get('port', '5432')}"
        return f"PostgreSQL at {where}"

    def user(self) -> str:
        return self.given.get("user", "the system's user")

    def name(self) -> str:
        return self.given.get("dbname", self.user())

    def scrub(self, text: str) -> str:
        """``text`` without any secret of the connection."""
        for secret in self.secrets:
            text = text.replace(secret, "********")
        return text


def database(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str] | None = None) -> Database:
    environment = os.environ if environ is None else environ
    schema, timeout = options.get("schema") or "public", float(options.get("timeout") or 15)
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise InputError(f"schema {schema!r} is not a plain identifier: lower case letters, digits and underscores")
    if timeout < 1:
        raise InputError(f"timeout {timeout:g} is too short: give at least 1 second")
    parameters = {name: options[option] for option, (name, _variable) in _PARAMETERS.items() if options.get(option) is not None}
    variables = {**dict(_PARAMETERS.values()), **_ADDRESS}
    given = {name: environment[variable] for name, variable in variables.items() if environment.get(variable)}
    # As libpq does: what is said here goes before the service file, and that before the environment.
    service = parameters.get("service") or given.get("service")
    given.update(_service(str(service), environment) if service else {})
    given.update({name: str(value) for name, value in parameters.items()})
    parameters.update(_tls(given))
    parameters["application_name"] = "inference.vllm"
    parameters["client_encoding"] = "UTF8"
    return Database(parameters, given, schema, timeout, tuple(given[name] for name in ("password",) if given.get(name)))


def _tls(given: t.Mapping[str, str]) -> dict[str, str]:
    """Off loopback the server must prove who it is, unless someone says otherwise."""
    if "sslmode" in given or is_local(given.get("host") or given.get("hostaddr", "")):
        return {}
    parameters = {"sslmode": "verify-full"}
    if "sslrootcert" not in given and not os.path.exists(os.path.expanduser("~/.postgresql/root.crt")):
        parameters["sslrootcert"] = "system"
    return parameters


def _service(name: str, environment: t.Mapping[str, str]) -> dict[str, str]:
    """What the connection service file says of ``name``: libpq reads it for itself, we must know whether the server is elsewhere."""
    default = os.path.join(os.path.expanduser("~"), ".pg_service.conf")
    system = os.path.join(environment.get("PGSYSCONFDIR") or "/etc/postgresql-common", "pg_service.conf")
    known = {*(parameter for parameter, _variable in _PARAMETERS.values()), *_ADDRESS}
    for path in (environment.get("PGSERVICEFILE") or default, system):
        parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # libpq says what is wrong with it
        if parser.has_section(name):
            return {option: value for option, value in parser.items(name) if option in known and value}
    return {}


def is_local(host: str) -> bool:
    """A socket or loopback; a list of hosts is local when all of them are."""
    return all(_local(name) for name in host.split(","))


def _local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
