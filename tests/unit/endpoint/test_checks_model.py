"""The checks of what only some models and platforms have."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import socket
import ssl
import threading
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options, _replicas
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.endpoint.servers import Behaviour, vllm
from tests.unit.verification.verifying import DEFAULTS, codes, reply, verdicts, verified

SERIES = ["vllm:request_success_total", "http_requests_total"]


def saying(message: dict[str, t.Any]) -> Behaviour:
    return Behaviour(generation=lambda _asked: (200, reply(choices=[{"finish_reason": "stop", "message": message}])))


def call(name: str, arguments: t.Any) -> dict[str, t.Any]:
    return {"content": None, "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}


@pytest.mark.parametrize(
    ("check", "message", "code"),
    [
        ("tools", call("get_weather", '{"city": "Paris"}'), "ok"),
        ("tools", call("get_weather", '{"city": "Par'), "wrong_tool_call"),
        ("tools", call("get_weather", None), "wrong_tool_call"),
        ("tools", call("get_weather", "true"), "wrong_tool_call"),
        ("tools", call("get_weather", '{"town": "Paris"}'), "wrong_tool_call"),
        ("tools", call("weather", "{}"), "wrong_tool_call"),
        ("tools", {"content": "<tool_call>get_weather</tool_call>"}, "no_tool_call"),
        ("tools", {"content": "x", "tool_calls": ["nonsense"]}, "wrong_tool_call"),
        ("json_schema", {"content": '{"answer": "OK"}'}, "ok"),
        ("json_schema", {"content": '{"answer": 5}'}, "schema_mismatch"),
        ("json_schema", {"content": '```json\n{"answer": "OK"}\n```'}, "schema_mismatch"),
        ("json_schema", {"content": None}, "schema_mismatch"),
    ],
)
def test_tool_calls_and_structured_output_must_be_usable(check: str, message: dict[str, t.Any], code: str) -> None:
    with vllm(saying(message)) as (url, _it):
        result = verified(url, checks=[check])
    assert codes(result) == {check: code}, result["message"]
    assert result["verdict"] == ("pass" if code == "ok" else "fail")


def exposition(counted: int, *more: str) -> tuple[int, dict[str, str], bytes]:
    lines = [f'vllm:request_success_total{{model_name="llama-3-8b",finished_reason="stop"}} {counted}.0', *more]
    return 200, {"Content-Type": "text/plain"}, "\n".join(["# HELP x y", *lines, ""]).encode()


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (exposition(3, 'http_requests_total{status="2xx"} 3.0'), "pass", "ok"),
        (exposition(0, 'http_requests_total{status="2xx"} 3.0'), "inconclusive", "nothing_counted"),
        (exposition(0), "inconclusive", "nothing_counted"),
        ((200, {}, b'http_requests_total{status="2xx"} 3.0\n'), "fail", "series_missing"),
        ((404, {}, b""), "fail", "http_status"),
        ((200, {}, b"\x00\xff" * 1000), "fail", "series_missing"),
    ],
)
def test_metrics_must_have_what_gates_read(answer: tuple[int, dict[str, str], bytes], verdict: str, code: str) -> None:
    with vllm() as (url, it):
        it.routes["/metrics"] = answer
        result = verified(url, checks=["metrics"], metrics=SERIES)
    assert (result["verdict"], codes(result)) == (verdict, {"metrics": code})


def test_adapters_must_be_listed_as_such() -> None:
    with vllm() as (url, _it):
        result = verified(url, checks=["lora"], lora_adapters=["llama-3-8b"])
    assert (result["verdict"], result["code"]) == ("fail", "adapter_missing")


def test_golden_prompts_are_asked_by_default_when_given_and_compared_with_the_reference() -> None:
    golden = [{"prompt": "Say OK.", "exact": "OK"}, {"prompt": "Say OK.", "same": True}]
    with vllm() as (url, _it), vllm() as (reference, other):
        right = verified(url, golden=golden, reference_url=reference)
        other.generation = lambda _asked: (200, reply(choices=[{"finish_reason": "stop", "message": {"content": "Fine"}}]))
        wrong = verified(url, golden=golden, reference_url=reference)
        other.generation = lambda _asked: (500, {})
        unknown = verified(url, golden=golden, reference_url=reference)
    assert (right["verdict"], verdicts(right)["golden"]) == ("pass", "pass")
    assert (wrong["verdict"], wrong["code"]) == ("fail", "golden_mismatch")
    assert [entry["match"] for entry in wrong["checks"][-2]["observed"]] == [True, False]
    assert (unknown["verdict"], unknown["code"]) == ("inconclusive", "http_status")


def test_a_check_without_what_it_needs_is_inconclusive() -> None:
    with vllm() as (url, _it):
        for name in ("golden", "lora"):
            result = verified(url, checks=[name])
            assert (result["verdict"], result["code"]) == ("inconclusive", "option_missing")


def test_replicas_are_compared_and_the_odd_one_is_named() -> None:
    same = {"a": "vllm-0.32.0-d6e70194", "b": "vllm-0.32.0-d6e70194"}
    assert _replicas.compare(same).verdict == "pass"
    odd = _replicas.compare({**same, "c": "vllm-0.31.0-00000000"})
    assert (odd.verdict, odd.code) == ("fail", "replicas_differ")
    assert odd.message.startswith("c ")


def test_a_listener_is_reached_and_nothing_is_not() -> None:
    with vllm() as (url, _it):
        assert verified(url, checks=["reach", "tls"])["verdict"] == "pass"
    result = verified(url, checks=["reach", "health", "chat"])
    assert verdicts(result) == {"reach": "fail", "health": "skipped", "chat": "skipped"}
    assert codes(result) == {"reach": "connection_refused", "health": "not_tried", "chat": "not_tried"}


def certificate(folder: pathlib.Path, name: x509.GeneralName, days: int) -> tuple[pathlib.Path, pathlib.Path]:
    """A key and its self-signed certificate that ends in so many days."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=30)).not_valid_after(now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(plain)
    (folder / "cert").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / "key", folder / "cert"


HERE, ELSEWHERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("other.example.com")


class TLSServer:
    """A listener that shakes hands and hangs up."""

    def __init__(self, key: pathlib.Path, cert: pathlib.Path) -> None:

        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            try:
                self.context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()


def test_an_https_url_has_its_certificate_checked_unless_it_is_not_to_be_verified() -> None:
    for options, first in (({}, "tls"), ({"endpoint_validate_certs": False}, "health"), ({"via": "router"}, "tls")):
        params = {**DEFAULTS, "model": "llama-3-8b", "url": "https://models.example.com", **options}
        assert _options.plan(params).checks[0] == first
    assert _options.plan({**DEFAULTS, "model": "llama-3-8b", "url": "http://models.example.com"}).checks[0] == "health"


@pytest.mark.parametrize(
    ("name", "days", "trusted", "verdict", "quoted"),
    [
        (HERE, 90, True, "pass", " 89 days"),
        (HERE, 5, True, "pass", " 4 days"),
        (HERE, -1, True, "fail", "expired"),
        (ELSEWHERE, 90, True, "fail", "127.0.0.1"),
        (HERE, 90, False, "fail", "self-signed certificate; give its CA by endpoint_ca_cert"),
    ],
)
def test_a_certificate_is_trusted_or_refused_with_its_reason(
    tmp_path: pathlib.Path, name: x509.GeneralName, days: int, trusted: bool, verdict: str, quoted: str
) -> None:
    key, cert = certificate(tmp_path, name, days)
    server = TLSServer(key, cert)
    try:
        result = verified(server.url, checks=["tls"], endpoint_ca_cert=str(cert) if trusted else None)
    finally:
        server.listener.close()
    assert result["checks"][0]["verdict"] == verdict, result["message"]
    assert codes(result) == {"tls": "ok" if verdict == "pass" else "tls"}
    assert quoted in result["checks"][0]["message"]
    assert len(result.get("warnings", [])) == (0 <= days < 14)
