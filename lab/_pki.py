"""The lab's certificates: one authority for the cluster, one for etcd alone, so that no user's certificate opens etcd."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import os
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=365)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
NAMES = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
ADDRESSES = ["127.0.0.1", "10.96.0.1"]


@dataclasses.dataclass(frozen=True)
class Identity:
    """One file ``<name>.pem`` with key and certificate. ``user`` and ``groups`` are what Kubernetes reads from it."""

    name: str
    authority: str
    user: str
    groups: tuple[str, ...] = ()
    server: bool = False


IDENTITIES = (
    Identity("etcd", "etcd-ca", "etcd", server=True),
    Identity("etcd-client", "etcd-ca", "kube-apiserver"),
    Identity("kube-apiserver", "ca", "kube-apiserver", server=True),
    Identity("kube-controller-manager", "ca", "system:kube-controller-manager", server=True),
    Identity("kube-scheduler", "ca", "system:kube-scheduler", server=True),
    # kwok and the process kubelet write nodes and pods of every namespace, as the kubelets of all nodes together would.
    Identity("kwok", "ca", "lab:kwok", ("system:masters",), server=True),
    Identity("kubelet", "ca", "lab:kubelet", ("system:masters",)),
    Identity("admin", "ca", "admin", ("system:masters",)),
    Identity("operator", "ca", "vllm-operator"),
    Identity("viewer", "ca", "vllm-viewer"),
)


def ensure(folder: pathlib.Path) -> None:
    """Makes what is missing. Each file appears whole, so a killed `up` leaves no half of a pair."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "service-accounts.pem").exists():
        _write(folder / "service-accounts.pem", _pem(ec.generate_private_key(ec.SECP256R1())))
    for name in ("ca", "etcd-ca"):
        if not (folder / f"{name}.key").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write(folder / f"{name}.crt", _authority(name, key).public_bytes(serialization.Encoding.PEM))
            _write(folder / f"{name}.key", _pem(key))
    for identity in IDENTITIES:
        if not (folder / f"{identity.name}.pem").exists():
            _issue(folder, identity)


def _authority(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"lab {name}")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    return (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _issue(folder: pathlib.Path, identity: Identity) -> None:
    authority = x509.load_pem_x509_certificate((folder / f"{identity.authority}.crt").read_bytes())
    signer = serialization.load_pem_private_key((folder / f"{identity.authority}.key").read_bytes(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{identity.authority}.key is no elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    subject = x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    builder = (
        _builder(subject, authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([CLIENT, SERVER] if identity.server else [CLIENT]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if identity.server:
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, NAMES), *addresses]), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    _write(folder / f"{identity.name}.pem", _pem(key) + certificate.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _write(path: pathlib.Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
