"""Keys and certificates are in no file that has a name: nothing is left behind, however a process ends, and nobody else can read them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.cluster import _private_file
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client, Unreachable
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection, connect
from ansible_collections.inference.vllm.plugins.module_utils.cluster._errors import ConnectionConfigError
from ansible_collections.inference.vllm.plugins.module_utils.cluster._private_file import private_file

from .secure import Authority, api, certificate, kubeconfig, proxy

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOBODY = 65534

# A process of its own, so that its end is a real end: HOW says which one.
CHILD = """
import json, os, sys, time
sys.path.insert(0, {root!r})
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect
from ansible_collections.inference.vllm.plugins.module_utils.release._helm import Helm
connection = connect({{"kubeconfig": json.load(sys.stdin)}})
client = Client(connection, Deadline(10))
print(client.get("/who"), flush=True)
helm = Helm(connection, Deadline(10), program={helm!r})
helm.run("list")
if {how!r} == "raise":
    raise SystemError("in the middle")
if {how!r} == "kill":
    helm.run("wait")
"""
HELM = '#!/bin/sh\ncat "$KUBECONFIG" > /dev/null || exit 1\n[ "$1" = wait ] || exit 0\necho waits >&2\nexec sleep 2\n'


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def ordinary(folder: pathlib.Path) -> list[str]:
    """The words that make a command run as a user who is not root; skips where that is not possible."""
    if os.getuid() != 0:
        return []
    program = shutil.which("setpriv")
    if not program:
        pytest.skip("setpriv is not installed, which runs a command as an ordinary user")
    words = [program, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    probe = subprocess.run([*words, sys.executable, "-c", f"import yaml, os; os.listdir({str(ROOT)!r})"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"an ordinary user may not read {ROOT} or run {sys.executable}")
    os.chown(folder, NOBODY, NOBODY)
    for parent in folder.parents:
        if parent.owner() == "root" and parent != pathlib.Path("/") and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    return words


@pytest.mark.parametrize("how", ["end", "refused", "raise", "kill"])
@pytest.mark.parametrize("who", ["root or whoever runs this", "an ordinary user"])
def test_no_file_is_left_however_a_process_ends(how: str, who: str, authority: Authority, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "temporary files"
    folder.mkdir()
    helm = tmp_path / "helm"
    helm.write_text(HELM)
    helm.chmod(0o755)
    words = ordinary(folder) if who == "an ordinary user" else []
    code = CHILD.format(root=str(ROOT / "collections"), helm=str(helm), how=how)
    environ = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with api(authority, status=500 if how == "refused" else 200) as (url, seen):
        config = json.dumps(kubeconfig(url, authority, certificate(authority.pair("ann"))))
        child = subprocess.Popen(
            [*words, sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert child.stdin
            child.stdin.write(config)
            child.stdin.close()
            if how == "kill":
                assert child.stdout
                child.stdout.readline()
                time.sleep(0.5)
                child.send_signal(signal.SIGKILL)
            code_of_end = child.wait(20)
        finally:
            child.kill()
    assert child.stderr
    assert code_of_end == {"end": 0, "refused": 1, "raise": 1, "kill": -signal.SIGKILL}[how], child.stderr.read()
    assert [request["who"] for request in seen] == ["ann"]
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_certificate_that_is_none_leaves_no_file_either(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_private_file.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ConnectionConfigError, match="check ca_cert, client_cert and client_key"):
        Connection("https://x", lambda: None, client_cert_data=b"none", client_key_data=b"none").tls()
    assert list(tmp_path.iterdir()) == []


def test_an_authority_file_without_a_certificate_does_not_mean_the_systems_own() -> None:
    for content in (b"", b"# nothing\n"):
        with pytest.raises(ConnectionConfigError, match="has no PEM certificate in it"):
            Connection("https://x", lambda: None, ca_data=content).tls()


def test_comments_between_certificates_may_have_any_letters(authority: Authority) -> None:
    with api(authority) as (url, _seen):
        connection = Connection(url, lambda: None, ca_data="# Authorité\n".encode() + authority.pem)
        assert Client(connection, Deadline(5)).get("/who")


def test_a_key_that_needs_a_password_is_an_error_and_no_question(authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization

    pair = authority.pair("ann")
    key = serialization.load_pem_private_key(pair.key, None)
    locked = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret"))
    with pytest.raises(ConnectionConfigError):
        Connection("https://x", lambda: None, client_cert_data=pair.cert, client_key_data=locked).tls()


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_private_file_is_ours_alone_and_ends_with_its_block(anonymous: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anonymous files, as on macOS, it has a name for as long as it is needed."""
    monkeypatch.setattr(_private_file.tempfile, "tempdir", str(tmp_path))
    if not anonymous:
        monkeypatch.delattr(_private_file.os, "memfd_create")
    with private_file(b"key") as file:
        assert [pathlib.Path(file.path).read_bytes() for _ in range(2)] == [b"key"] * 2
        said = subprocess.run(["cat", file.path, file.path], capture_output=True, pass_fds=file.descriptors, check=True)
        assert said.stdout == b"keykey"
        modes = {path.relative_to(tmp_path).name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
        assert set(modes.values()) == (set() if anonymous else {0o700, 0o600})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError), private_file(b"key"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [OSError("no such call"), None])
def test_a_sandbox_without_anonymous_files_gets_one_with_a_name(fault: OSError | None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_name: str) -> int:
        raise t.cast(OSError, fault)

    monkeypatch.setattr(_private_file.tempfile, "tempdir", str(tmp_path))
    if fault:
        monkeypatch.setattr(_private_file.os, "memfd_create", refused)
    else:
        monkeypatch.setattr(_private_file, "_path", lambda _descriptor: "/nowhere")
    before = len(os.listdir("/proc/self/fd"))
    with private_file(b"key") as file:
        assert (pathlib.Path(file.path).read_bytes(), file.descriptors) == (b"key", ())
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_another_server_name_and_a_proxy_with_a_password(authority: Authority) -> None:
    with api(authority, "kubernetes") as (url, seen), proxy("me:pa ss") as (address, asked):
        user = certificate(authority.pair("ann"))
        more = {"tls-server-name": "kubernetes", "proxy-url": f"http://me:pa%20ss@{address}"}
        client = Client(connect({"kubeconfig": kubeconfig(url, authority, user, **more)}), Deadline(5))
        assert client.get("/who")
        assert (seen[0]["who"], asked) == ("ann", [url.removeprefix("https://")])
        for wrong in ({**more, "proxy-url": f"http://{address}"}, {**more, "tls-server-name": "other"}):
            with pytest.raises(Unreachable) as caught:
                Client(connect({"kubeconfig": kubeconfig(url, authority, user, **wrong)}), Deadline(5)).get("/who")
            assert "pa ss" not in str(caught.value)


def test_certificates_given_as_files_may_lie_in_a_path_with_a_space(authority: Authority, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "my certificates"
    folder.mkdir()
    pair = authority.pair("ann")
    options = {name: folder / f"{name}.pem" for name in ("ca_cert", "client_cert", "client_key")}
    for path, content in zip(options.values(), (authority.pem, *pair), strict=True):
        path.write_bytes(content)
    with api(authority) as (url, seen):
        Client(connect({"host": url, **{name: str(path) for name, path in options.items()}}), Deadline(5)).get("/who")
    assert seen[0]["who"] == "ann"


def test_a_header_that_cannot_be_sent_is_said_in_words(authority: Authority) -> None:
    with api(authority) as (url, seen), pytest.raises(Error, match="not sent: a header") as caught:
        Client(Connection(url, lambda: "Bearer canary\nX-Other: 1", ca_data=authority.pem), Deadline(5)).get("/who")
    assert "canary" not in str(caught.value)
    assert seen == []
