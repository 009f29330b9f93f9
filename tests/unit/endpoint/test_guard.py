"""What a prober may speak to."""

from __future__ import annotations

import ipaddress
import time

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _guard, _transports
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._errors import ProbeError
from hypothesis import given
from hypothesis import strategies as st

TRICKY = ["0x7f.1", "0x7f000001", "0x7f.0.0.1", "017700000001", "2130706433", "0177.0.0.1", "127.1", "127.0.1", "0", "localhost", "LOCALHOST", "127.0.0.1."]
TRICKY += ["[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]"]
TRICKY += ["0xa9.0xfe.0xa9.0xfe", "2852039166", "[::ffff:169.254.169.254]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]"]
LOOPBACK = _guard.networks(["127.0.0.0/8"])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://models.example.com",
        "gopher://models.example.com",
        "//models.example.com",
        "models.example.com:8000",
        "",
        "http://",
        "http:///v1",
        "http://user@models.example.com",
        "http://user:secret@models.example.com",
        "http://models.example.com@169.254.169.254/",
        "http://models.example.com:99999",
        "http://models.example.com:port",
        "http://models.example.com/?q=1",
        "http://models.example.com/#part",
        "http://models.example.com?",
        "http://models.example.com/ HTTP/1.1\r\nHost: evil",
        "http://models.example.com\r\nX: y",
        "http://models.example.com\\@169.254.169.254",
        "http://models.example.com\t",
        "http://[::1",
        "http://mod%00els.example.com",
        "http://ⓜodels.example.com",
        "http://...",
    ],
)
def test_a_url_that_is_not_plain_http_is_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(InputError):
        _guard.parse(url)


def test_a_plain_url_is_taken_apart() -> None:
    target = _guard.parse("HTTPS://Models.example.com/base/")
    assert (target.scheme, target.host, target.port, target.path) == ("https", "models.example.com", 443, "/base")
    assert _guard.parse("http://[2001:db8::1]:8000").authority == "[2001:db8::1]:8000"


REFUSED = [
    "127.0.0.1",
    "127.8.9.10",
    ".".join(["0"] * 4),
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_of_this_machine_and_of_metadata_services_are_refused(address: str) -> None:
    assert _guard.refusal(address)


@pytest.mark.parametrize("address", ["10.96.0.10", "192.168.1.7", "172.16.0.1", "100.64.0.1", "93.184.216.34", "2001:db8::1", "fd12:3456::1", "64:ff9b::a60:a"])
def test_cluster_and_public_addresses_are_spoken_to(address: str) -> None:
    assert _guard.refusal(address) == ""


@given(st.ip_addresses(network="127.0.0.0/8") | st.ip_addresses(network="169.254.0.0/16"))
def test_no_way_of_writing_such_an_address_gets_past(address: object) -> None:
    number = int(ipaddress.ip_address(str(address)))
    for host in (str(address), f"::ffff:{address}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"):
        assert _guard.refusal(host), host


def test_allowed_networks_allow_what_they_say_and_no_more() -> None:
    assert _guard.refusal("127.0.0.1", LOOPBACK) == ""
    assert _guard.refusal("::ffff:127.0.0.1", LOOPBACK) == ""
    assert _guard.refusal("169.254.169.254", LOOPBACK)
    with pytest.raises(InputError, match="allowed_networks"):
        _guard.networks(["localhost"])


@pytest.mark.parametrize("host", TRICKY)
def test_names_that_the_resolver_turns_into_this_machine_are_refused_after_resolving(host: str) -> None:
    with pytest.raises(ProbeError) as caught:
        _transports.resolve(_guard.parse(f"http://{host}:8000"), (), 5)
    assert caught.value.kind in ("denied", "dns")


def test_a_name_with_one_forbidden_address_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(_transports.socket, "getaddrinfo", lambda *_args, **_kwargs: answers)
    with pytest.raises(ProbeError, match=r"rebind\.example\.com resolves to 169\.254\.169\.254"):
        _transports.resolve(_guard.parse("http://rebind.example.com"), (), 5)


def test_a_name_is_resolved_once_and_that_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def rebinding(host: str, *_args: object, **_kwargs: object) -> list[object]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "169.254.169.254", 80))]

    monkeypatch.setattr(_transports.socket, "getaddrinfo", rebinding)
    reached: list[tuple[str, int]] = []
    monkeypatch.setattr(
        _transports.socket, "create_connection", lambda address, _timeout: reached.append(address) or (_ for _ in ()).throw(ConnectionRefusedError())
    )
    reached_by = _transports.Direct(_guard.parse("http://rebind.example.com"), LOOPBACK)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            reached_by.dial(5)
    assert asked == ["rebind.example.com"]
    assert set(reached) == {("127.0.0.1", 80)}


def test_a_resolver_that_hangs_does_not_outlive_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transports.socket, "getaddrinfo", lambda *_args, **_kwargs: time.sleep(2))
    start = time.monotonic()
    with pytest.raises(ProbeError, match=r"not resolved within 0\.2 s"):
        _transports.resolve(_guard.parse("http://slow.example.com"), (), 0.2)
    assert time.monotonic() - start < 1
