"""An API server with TLS that says who it takes its client for, the certificates for both, and a proxy that opens tunnels."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import ipaddress
import json
import socket
import socketserver
import ssl
import threading
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils.cluster._private_file import private_file
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Json = dict[str, t.Any]
ABOUT = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Group")


class Pair(t.NamedTuple):
    cert: bytes
    key: bytes


class Authority:
    """Signs certificates for one test run."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("test-ca")
        signed = _certificate(self._name, self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def pair(self, name: str) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name), *([x509.IPAddress(ipaddress.ip_address(name))] if name[0].isdigit() else [])])
        signed = _certificate(_named(name), self._name, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return Pair(signed.public_bytes(serialization.Encoding.PEM), plain)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(tz=datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
    return made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))


class _Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """A client that hangs up."""


@contextlib.contextmanager
def api(authority: Authority, name: str = "127.0.0.1", status: int = 200) -> t.Iterator[tuple[str, list[Json]]]:
    """Its URL, and for each request that is not about the API itself: ``who`` the client certificate names, and the headers that say more."""
    seen: list[Json] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            subject = t.cast(ssl.SSLSocket, self.connection).getpeercert() or {}
            who = dict(pair[0] for pair in t.cast(t.Any, subject.get("subject", ())))
            if not self.path.startswith(("/api", "/version", "/openapi")) or "/secrets" in self.path:
                extra = sorted((key.lower(), value) for key, value in self.headers.items() if key.startswith("Impersonate-Extra-"))
                seen.append({"who": who.get("commonName"), **{key: self.headers.get_all(key) for key in ABOUT}, "extra": extra})
            body = json.dumps(_answer(self.path) if status == 200 else {"kind": "Status", "message": "no"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_message: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = authority.pair(name)
    with private_file(own.cert) as cert, private_file(own.key) as key:
        context.load_cert_chain(cert.path, key.path)
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    server = _Threaded(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def _answer(path: str) -> Json:
    """As much of an API as helm asks for."""
    if path.startswith("/version"):
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if "/secrets" in path:
        return {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}
    return {"kind": "APIVersions", "versions": ["v1"]}


@contextlib.contextmanager
def proxy(password: str = "") -> t.Iterator[tuple[str, list[str]]]:
    """Its URL without the password, and the targets of its tunnels."""
    asked: list[str] = []
    expected = f"Basic {base64.b64encode(password.encode()).decode()}" if password else None

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.headers.get("Proxy-Authorization") != expected:
                self.send_error(407)
                return
            asked.append(self.path)
            host, _colon, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as onward:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_copy, args=(onward, self.connection), daemon=True)
                back.start()
                _copy(self.connection, onward)
                back.join(5)

        def log_message(self, *_message: object) -> None:
            pass

    server = _Threaded(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def kubeconfig(url: str, authority: Authority, user: Json, **cluster: t.Any) -> Json:
    entry = {"server": url, "certificate-authority-data": base64.b64encode(authority.pem).decode(), **cluster}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": entry}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def certificate(pair: Pair) -> Json:
    """A kubeconfig's user."""
    return {"client-certificate-data": base64.b64encode(pair.cert).decode(), "client-key-data": base64.b64encode(pair.key).decode()}
