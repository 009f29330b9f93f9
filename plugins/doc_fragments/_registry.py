# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description: Host of the database, or the folder of its socket. Taken from E(PGHOST) when not given.
    type: str
  login_port:
    description: Port of the database. Taken from E(PGPORT) when not given.
    type: int
  login_user:
    description: User to connect as. Taken from E(PGUSER) when not given.
    type: str
  login_password:
    description: Password of O(login_user). Taken from E(PGPASSWORD) when not given, then from C(~/.pgpass). It is never part of a message.
    type: str
  login_db:
    description: Name of the database. Taken from E(PGDATABASE) when not given.
    type: str
  service:
    description:
      - Name of an entry in the connection service file (E(PGSERVICEFILE), then C(~/.pg_service.conf)). Taken from E(PGSERVICE) when not given.
      - As for libpq, options go before the entry, and the entry before E(PGHOST) and the like.
    type: str
  ssl_mode:
    description:
      - How the connection is protected. Taken from E(PGSSLMODE) when not given.
      - When nothing says otherwise, O(service)'s entry included, V(verify-full) for a database elsewhere, and V(prefer) on this machine.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  ca_cert:
    description:
      - Path of the CA certificate that signed the server's. Taken from E(PGSSLROOTCERT) when not given,
        then C(~/.postgresql/root.crt), then the system's CAs.
    type: path
    aliases: [ssl_rootcert]
  ssl_cert:
    description: Path of a client certificate. Taken from E(PGSSLCERT) when not given.
    type: path
  ssl_key:
    description: Path of the client certificate's key. Taken from E(PGSSLKEY) when not given.
    type: path
  schema:
    description: Schema of the registry's tables.
    type: str
    default: public
  timeout:
    description: Seconds that the module may take in total, whatever the database or the network does.
    type: float
    default: 15.0
requirements:
  - psycopg >= 3.1 or psycopg2 >= 2.9 (Python package)
"""
