"""The forward proxy: one request a connection, passed on as it is, so that streams stay streams."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import typing as t
import urllib.parse

from .._client import ApiError
from ._resolve import Refused
from ._world import Names

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 5.0
DEFAULT_NAMESPACE = "default"
HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection"}


class Proxy:
    """A client acts in the name of a namespace, by the user of its proxy URL: http://litellm:any@127.0.0.1:PORT; the password means nothing."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._request(reader, writer)
        except Refused as refused:
            await _answer(writer, refused.status, str(refused))
        except ApiError as error:
            await _answer(writer, 502, f"the lab's API server could not be asked: {error}")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client or the pod went away in the middle: the connection's end says so
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)).decode("latin-1")
        method, target, version, headers = parse(head)
        host, port, path = destination(method, target)
        address = await asyncio.to_thread(self._names.find, host, port, namespace(headers))
        try:
            upstream, sink = await asyncio.wait_for(asyncio.open_connection(*address), CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            raise Refused(502, f"{host}:{port} is ready by its EndpointSlice, but its process does not listen: {error or 'no answer'}.") from error
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            kept = [f"{name}: {value}" for name, value in headers if name.lower() not in HOP_BY_HOP]
            sink.write("\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""]).encode("latin-1"))
        await _both_ways(reader, writer, upstream, sink)


def parse(head: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    first, *rest = head.rstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refused(400, f"{first[:80]!r} is no HTTP/1 request.")
    headers = [(name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in rest) if colon]
    return words[0], words[1], words[2], headers


def destination(method: str, target: str) -> tuple[str, int, str]:
    """Host, port and path of an absolute-form or CONNECT request."""
    url = urllib.parse.urlsplit(f"//{target}" if method == "CONNECT" else target)
    try:
        port = url.port or 80
    except ValueError as error:
        raise Refused(400, f"{target[:80]!r} has no valid port.") from error
    if not url.hostname or (method != "CONNECT" and url.scheme != "http"):
        raise Refused(400, f"this is a proxy: ask it for http://NAME.NAMESPACE.svc.cluster.local:PORT/..., not for {target[:80]!r}.")
    return url.hostname, port, urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))


def namespace(headers: t.Iterable[tuple[str, str]]) -> str:
    given = next((value for name, value in headers if name.lower() == "proxy-authorization"), "")
    kind, _, token = given.partition(" ")
    if kind.lower() != "basic":
        return DEFAULT_NAMESPACE
    try:
        user = base64.b64decode(token, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused(400, "the Proxy-Authorization header cannot be read.") from error
    return user or DEFAULT_NAMESPACE


async def _both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until one side has closed: a client that goes away must be felt by the engine, which then aborts the generation."""
    ways = [asyncio.create_task(_copy(reader, sink)), asyncio.create_task(_copy(upstream, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        sink.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


async def _answer(writer: asyncio.StreamWriter, status: int, sentence: str) -> None:
    body = f"lab names: {sentence}\n".encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError):
        writer.write(head.encode() + body)
        await writer.drain()
