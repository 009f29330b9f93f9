"""Does what probes and lifecycle hooks say: an HTTP request, a TCP connection, a command. Words of failures are the kubelet's own."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import dataclasses
import pathlib
import ssl

from . import runtime
from .expansion import expand, translate
from .network import resolve
from .types import Json

BODY_BYTES = 10 * 1024


class ProbeError(Exception):
    """The probe could not be made at all: its result counts neither way."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a container's handlers work: its environment, folder, paths and ports."""

    container: Json
    env: dict[str, str]
    cwd: pathlib.Path
    paths: dict[str, str]
    ports: dict[int, int]
    pod_ip: str


@dataclasses.dataclass(frozen=True)
class Result:
    success: bool
    output: str = ""
    warning: bool = False


async def probe(spec: Json, place: Place) -> Result:
    """One probe. ProbeError when it cannot be made."""
    seconds = float(spec.get("timeoutSeconds") or 1)
    if spec.get("exec"):
        return await _exec(spec["exec"]["command"], place, seconds)
    if spec.get("httpGet"):
        return await _http(spec["httpGet"], place, seconds)
    if spec.get("tcpSocket"):
        return await _tcp(spec["tcpSocket"], place, seconds)
    raise ProbeError("the lab has no probes of this type: use exec, httpGet or tcpSocket")


async def hook(spec: Json, place: Place) -> bool:
    """A lifecycle hook, to its end; whether it went well."""
    if spec.get("sleep"):
        await asyncio.sleep(float(spec["sleep"]["seconds"]))
        return True
    try:
        if spec.get("exec"):
            command = [translate(part, place.paths) for part in spec["exec"]["command"]]
            return (await runtime.execute(command, place.env, place.cwd, None)).code == 0
        if spec.get("httpGet"):
            # Whatever the status: the kubelet only asks that there is an answer.
            await _get(spec["httpGet"], place)
            return True
    except (OSError, ValueError, EOFError):
        return False
    return False


async def _exec(command: list[str], place: Place, seconds: float) -> Result:
    static = {v["name"]: v["value"] for v in place.container.get("env") or [] if v.get("value")}
    argv = [translate(expand(part, static), place.paths) for part in command]
    try:
        outcome = await runtime.execute(argv, place.env, place.cwd, seconds)
    except OSError as error:
        start = "rpc error: code = Unknown desc = failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: "
        reason = "executable file not found in $PATH" if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()
        raise ProbeError(f'{start}unable to start container process: exec: "{argv[0]}": {reason}') from error
    if outcome.code is None:
        return Result(False, f'command timed out: "{" ".join(command)}" timed out after {seconds:g}s')
    return Result(outcome.code == 0, outcome.output)


async def _tcp(spec: Json, place: Place, seconds: float) -> Result:
    port, (host, real) = _port(spec["port"], place), _target(spec, place)
    shown = f"dial tcp {spec.get('host') or place.pod_ip}:{port}"
    try:
        _reader, writer = await asyncio.wait_for(asyncio.open_connection(host, real), seconds)
    except TimeoutError:
        return Result(False, f"{shown}: i/o timeout")
    except OSError as error:
        return Result(False, f"{shown}: connect: {_words(error)}")
    writer.close()
    return Result(True)


async def _http(spec: Json, place: Place, seconds: float) -> Result:
    port = _port(spec["port"], place)
    host = spec.get("host") or place.pod_ip
    shown = f'Get "{(spec.get("scheme") or "HTTP").lower()}://{host}:{port}{spec.get("path") or "/"}"'
    try:
        status, body = await asyncio.wait_for(_get(spec, place), seconds)
    except TimeoutError:
        return Result(False, f"{shown}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
    except ConnectionRefusedError as error:
        return Result(False, f"{shown}: dial tcp {host}:{port}: connect: {_words(error)}")
    except (EOFError, ConnectionResetError) as error:
        return Result(False, f"{shown}: {'EOF' if isinstance(error, EOFError) else 'read: ' + _words(error)}")
    except (OSError, ValueError) as error:
        return Result(False, f"{shown}: {error}")
    if 200 <= status < 400:
        return Result(True, f"Probe terminated redirects, Response body: {body}" if status >= 300 else body, warning=status >= 300)
    return Result(False, f"HTTP probe failed with statuscode: {status}")


def _words(error: OSError) -> str:
    return {111: "connection refused", 104: "connection reset by peer", 113: "no route to host"}.get(error.errno or 0, str(error))


def _port(port: int | str, place: Place) -> int:
    try:
        return resolve(port, place.container)
    except ValueError as error:
        raise ProbeError(str(error)) from error


def _target(spec: Json, place: Place) -> tuple[str, int]:
    """Where to connect: the machine's port for the pod's own, and what the spec says for a host that it names."""
    port = resolve(spec["port"], place.container)
    host = spec.get("host") or place.pod_ip
    own = host in (place.pod_ip, "127.0.0.1", "localhost")
    return ("127.0.0.1", place.ports.get(port, port)) if own else (host, port)


async def _get(spec: Json, place: Place) -> tuple[int, str]:
    """GET with the kubelet's headers; redirects are not followed (the real one follows those to the same host)."""
    host, port = _target(spec, place)
    tls = None
    if (spec.get("scheme") or "HTTP").upper() == "HTTPS":
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(_request(spec, place))
        await writer.drain()
        return await _response(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.wait_for(writer.wait_closed(), 0.1)


def _request(spec: Json, place: Place) -> bytes:
    host = spec.get("host") or place.pod_ip
    headers = {"Host": f"{host}:{resolve(spec['port'], place.container)}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    for header in spec.get("httpHeaders") or []:
        headers[header["name"].title()] = header["value"]
    lines = [f"GET {spec.get('path') or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


async def _response(reader: asyncio.StreamReader) -> tuple[int, str]:
    first = await reader.readline()
    if not first:
        raise EOFError
    parts = first.split()
    if len(parts) < 2 or not first.startswith(b"HTTP/") or not parts[1].isdigit():
        raise ValueError(f'net/http: HTTP/1.x transport connection broken: malformed HTTP response "{first.decode("latin-1").strip()}"')
    async for line in _lines(reader):
        if line in (b"\r\n", b"\n"):
            break
    return int(parts[1]), (await reader.read(BODY_BYTES)).decode("utf-8", "replace")


async def _lines(reader: asyncio.StreamReader) -> collections.abc.AsyncIterator[bytes]:
    while line := await reader.readline():
        yield line
