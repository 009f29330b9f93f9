"""A server elsewhere must prove who it is: a real one with TLS, one good certificate, four bad ones, and the connection service file."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import time
import typing as t

import psycopg
import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry import _change, _database, _driver, _request, _session
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import RegistryError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.registry.conftest import emptied, entry
from tests.integration.registry.postgres import NOBODY, Cluster, Database, installations

#: Not loopback by its name, so that the default holds; the address is given to libpq beside it.
HOST = "registry.example.test"
DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def named(cls, name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, certificate(name, key, None, authority=True))

    def write(self, path: pathlib.Path) -> pathlib.Path:
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def certificate(name: str, key: ec.EllipticCurvePrivateKey, signer: Authority | None, *, authority: bool = False, days: int = 30) -> x509.Certificate:
    """``days`` below 0: it expired so long ago. Without a signer it signs itself."""
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(signer.key if signer else key, hashes.SHA256())


@dataclasses.dataclass(frozen=True)
class Server:
    """The shared server, which shows the certificate that a test gives it until the test is over."""

    database: Database
    folder: pathlib.Path
    authority: Authority

    def shows(self, name: str = HOST, signer: Authority | None = None, *, alone: bool = False, days: int = 30) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        shown = certificate(name, key, None if alone else signer or self.authority, days=days)
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for file, content in (("server.crt", shown.public_bytes(serialization.Encoding.PEM)), ("server.key", secret)):
            (self.folder / file).write_bytes(content)
            (self.folder / file).chmod(0o600)
            if os.geteuid() == 0:
                os.chown(self.folder / file, NOBODY, NOBODY)
        configure(self.database.cluster, ssl_cert_file=str(self.folder / "server.crt"), ssl_key_file=str(self.folder / "server.key"), ssl="on")

    def change(self, environ: dict[str, str], **options: t.Any) -> _change.Changed:
        given = {**self.database.environ(), "PGHOST": HOST, "PGHOSTADDR": "127.0.0.1", **environ}
        with pytest.MonkeyPatch.context() as patched:
            for name, value in given.items():
                patched.setenv(name, value)
            return _change.change(_database.database({"timeout": 15.0, **options}), _request.request(entry()))


def configure(cluster: Cluster, **settings: str) -> None:
    """Returns once new connections see it; the postmaster reads its files when it comes to it."""
    with cluster.connect("postgres", "postgres") as connection:
        before = connection.execute("SELECT pg_conf_load_time()").fetchone()
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with cluster.connect("postgres", "postgres") as connection:
            if connection.execute("SELECT pg_conf_load_time()").fetchone() != before:
                return
        time.sleep(0.02)
    pytest.fail("the server did not read its configuration again")


@pytest.fixture
def server(clusters: t.Callable[[str], Cluster]) -> t.Iterator[Server]:
    """The newest one that was built with TLS; the Python package's was not."""
    able = [version for version in sorted(installations(), key=int, reverse=True) if emptied(clusters(version)).query("SHOW ssl_library") != [("",)]]
    if not able:
        pytest.skip("no PostgreSQL here was built with TLS: install the distribution's")
    cluster = clusters(able[0])
    folder = cluster.folder / "tls"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    try:
        yield Server(emptied(cluster), folder, Authority.named("the platform's CA"))
    finally:
        configure(cluster, ssl="off")


def test_a_good_certificate_is_verified_by_default_and_by_either_driver(server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.shows()
    authority = server.authority.write(tmp_path / "ca.crt")
    assert server.change({}, ca_cert=str(authority)).changed
    for driver in (_driver.Psycopg3, _driver.Psycopg2):
        monkeypatch.setattr(_session._driver, "driver", driver)
        assert not server.change({"PGSSLROOTCERT": str(authority)}).changed
    used = server.database.query("SELECT count(*) FROM model_deployment_events")
    assert used == [(1,)]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"days": -1}, "was refused: it is not signed by a CA that is trusted here, or it has expired"),
        ({"alone": True}, "was refused: it is not signed by a CA that is trusted here, or it has expired"),
        ({"signer": Authority.named("somebody else's CA")}, "was refused: it is not signed by a CA that is trusted here, or it has expired"),
        ({"name": "another.example.test"}, "is for another name; use the name that the certificate has"),
    ],
    ids=["expired", "self-signed", "of another CA", "for another host"],
)
def test_a_bad_certificate_is_refused_before_the_password_is_sent(server: Server, tmp_path: pathlib.Path, bad: dict[str, t.Any], sentence: str) -> None:
    server.shows(**bad)
    authority = server.authority.write(tmp_path / "ca.crt")
    with pytest.raises(RegistryError, match=f"the certificate of PostgreSQL at {HOST}:[0-9]+ {sentence}"):
        server.change({}, ca_cert=str(authority))
    assert server.database.query("SELECT count(*) FROM model_registry_entries") == [(0,)]
    # It is the certificate, and nothing else, that was in the way.
    assert server.change({}, ssl_mode="require").changed


def test_without_a_ca_the_systems_own_judge_and_refuse(server: Server, tmp_path: pathlib.Path) -> None:
    server.shows()
    with pytest.raises(RegistryError, match="was refused: it is not signed by a CA that is trusted here"):
        server.change({"HOME": str(tmp_path)})


def test_verify_ca_takes_another_name_and_no_other_ca(server: Server, tmp_path: pathlib.Path) -> None:
    server.shows("another.example.test")
    authority = server.authority.write(tmp_path / "ca.crt")
    assert server.change({}, ssl_mode="verify-ca", ca_cert=str(authority)).changed
    with pytest.raises(RegistryError, match="was refused"):
        server.change({}, ssl_mode="verify-ca", ca_cert=str(Authority.named("other").write(tmp_path / "other.crt")))


def test_a_server_without_tls_is_not_spoken_to_by_default(registry: Database, tmp_path: pathlib.Path) -> None:
    server = Server(registry, tmp_path, Authority.named("x"))
    with pytest.raises(RegistryError, match="offers no TLS and ssl_mode asks for it"):
        server.change({})
    assert server.change({"PGSSLMODE": "disable"}).changed


def test_the_connection_service_file_says_where_and_is_held_to_the_same(server: Server, tmp_path: pathlib.Path) -> None:
    server.shows()
    given = server.database.environ()
    lines = {"host": HOST, "hostaddr": "127.0.0.1", "port": given["PGPORT"], "dbname": given["PGDATABASE"], "user": given["PGUSER"]}
    services = tmp_path / "services"
    services.write_text("[registry]\n" + "".join(f"{name}={value}\n" for name, value in lines.items()), encoding="ascii")
    environ = {"PGSERVICEFILE": str(services), "PGHOST": "", "PGHOSTADDR": "", "PGPORT": "1", "PGUSER": "nobody"}
    with pytest.raises(RegistryError, match="the certificate of PostgreSQL service registry was refused"):
        server.change({**environ, "HOME": str(tmp_path)}, service="registry")
    authority = server.authority.write(tmp_path / "ca.crt")
    assert server.change(environ, service="registry", ca_cert=str(authority)).changed
    with pytest.raises(RegistryError, match="PostgreSQL service elsewhere cannot be reached"):
        server.change(environ, service="elsewhere")


def test_a_password_file_is_enough(registry: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = registry.environ()
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{given['PGPORT']}:*:vllm_operator:{given.pop('PGPASSWORD')}\n", encoding="ascii")
    file.chmod(0o600)
    for name, value in {**given, "PGPASSFILE": str(file)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PGPASSWORD", raising=False)
    assert _change.change(_database.database({}), _request.request(entry())).changed
    assert psycopg.pq.version() >= 130000
