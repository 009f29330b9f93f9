# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A pod's port through the API server, as something that http.client can use for its socket.

The kubernetes package's own port-forward copies between a thread and a socket pair; when the connection breaks the thread dies with a
traceback and its user waits for ever. Here each read takes its frame from the websocket itself, so a deadline and an error end up where
they belong.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import typing as t

from .._errors import Error
from ._client import Client
from ._errors import ConnectionConfigError

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = 0, 1


class ForwardError(Error):
    """The API server did not open the port: nothing was learned about the pod."""

    code = "no_transport"


class ForwardBroken(ForwardError):
    """The connection to the API server broke while the port was being opened."""


class PortClosed(ConnectionRefusedError):
    """The port was forwarded and nothing listened in the pod."""


class ForwardLost(ConnectionResetError):
    """The connection to the API server broke. When it is the pod that hangs up, the API server says goodbye."""


def forward(client: Client, namespace: str, pod: str, port: int, seconds: float) -> ForwardedPort:
    """One connection to ``port`` of ``pod``. Each is a websocket of its own: they fail alone and run side by side."""
    websocket = _package()
    connection = client.connection
    what = f"port {port} of pod {namespace}/{pod}"
    url = f"{connection.host}/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}"
    options = {
        "socket": _dial(client, seconds),
        "header": [f"{name}: {value}" for name, value in connection.headers()],
        "subprotocols": [PROTOCOL],
        "suppress_origin": True,
        "redirect_limit": 0,
        "timeout": seconds,
    }
    opened = websocket.WebSocket()
    try:
        opened.connect(url.replace("http", "ws", 1), **options)
    except websocket.WebSocketBadStatusException as error:
        message = f"the API server refused to forward {what}: HTTP {error.status_code}{_why(error)}"
        raise ForwardError(message, code="forbidden" if error.status_code == 403 else "") from error
    except (websocket.WebSocketTimeoutException, TimeoutError) as error:
        raise ForwardError(f"{what} cannot be forwarded by {connection.host}: {_said(error)}") from error
    except (websocket.WebSocketException, OSError) as error:
        raise ForwardBroken(f"{what} cannot be forwarded by {connection.host}: {_said(error)}") from error
    return ForwardedPort(opened, what)


class ForwardedPort:
    """Reads and writes as a socket does."""

    def __init__(self, websocket: t.Any, what: str) -> None:
        self._websocket = websocket
        self._what = what
        self._rest = memoryview(b"")
        self._begun: set[int] = set()

    def recv_into(self, buffer: memoryview, /) -> int:
        while not self._rest:
            frame = self._frame()
            if frame is None:
                return 0
            self._rest = frame
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def sendall(self, data: t.Any, /) -> None:
        websocket = _package()
        try:
            self._websocket.send_binary(bytes((DATA,)) + bytes(data))
        except (websocket.WebSocketTimeoutException, TimeoutError) as error:
            raise TimeoutError(str(error)) from error
        except (websocket.WebSocketException, OSError) as error:
            raise ForwardLost(f"the forwarding of {self._what} ended") from error

    def settimeout(self, seconds: float | None, /) -> None:
        self._websocket.settimeout(seconds)

    def close(self) -> None:
        # Not websocket.close(): that waits for the other side's goodbye.
        with contextlib.suppress(OSError):
            self._websocket.shutdown()

    def _frame(self) -> memoryview | None:
        """The next piece of data; None at the end; an empty one for what is not data."""
        websocket = _package()
        try:
            opcode, frame = self._websocket.recv_data_frame(True)
        except (websocket.WebSocketTimeoutException, TimeoutError) as error:
            raise TimeoutError(str(error)) from error
        except (websocket.WebSocketException, OSError) as error:
            raise ForwardLost(f"the forwarding of {self._what} broke: {_said(error)}") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return None
        data = memoryview(frame.data)
        if opcode != websocket.ABNF.OPCODE_BINARY or not data:
            return memoryview(b"")
        channel = data[0]
        if channel not in self._begun:
            # The first frame of a channel repeats the port's number.
            self._begun.add(channel)
            return memoryview(b"")
        if channel == ERROR:
            raise self._refused(bytes(data[1:]).decode("utf-8", "replace").strip())
        return data[1:]

    def _refused(self, said: str) -> OSError:
        if "refused" in said:
            return PortClosed(f"{self._what}: {said}")
        return ConnectionResetError(f"the forwarding of {self._what} ended: {said}")


def _dial(client: Client, seconds: float) -> socket.socket:
    try:
        return client.dial(seconds)
    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as error:
        raise ForwardBroken(_unreached(client, error)) from error
    except OSError as error:
        raise ForwardError(_unreached(client, error)) from error


def _unreached(client: Client, error: OSError) -> str:
    return f"the API server at {client.connection.host} cannot be reached: {error}"


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _package() -> t.Any:
    # Imported here: only this way of reaching a pod needs it. It comes with the package kubernetes.
    try:
        import websocket
    except ImportError as error:
        raise ConnectionConfigError(f"the Python package websocket-client is needed: {error}; pip install kubernetes brings it") from error
    return websocket


def _why(error: t.Any) -> str:
    body = (error.resp_body or b"")[:300]
    text = " ".join(body.decode("utf-8", "replace").split()) if isinstance(body, bytes) else str(body)
    hint = "; the user needs create on pods/portforward in this namespace" if error.status_code == 403 else ""
    return f"{': ' + text if text else ''}{hint}"
