"""Replays a cluster of any size over HTTP, page by page or node by node, from one process of its own."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import multiprocessing
import socketserver
import typing as t
import urllib.parse

from . import _capacity_data as data

_LIST = b'{"kind":"%s","apiVersion":"v1","metadata":%s,"items":[%s]}'


def _packed(value: t.Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@functools.cache
def _templates(site: int) -> list[bytes]:
    """One node's pods; those of the other nodes of its kind are the same with another number in their names."""
    return [_packed({key: value for key, value in data.pod(site, number).items() if key not in ("kind", "apiVersion")}) for number in range(data.PODS_PER_NODE)]


def _pods_of(index: int) -> list[bytes]:
    site = index % data.SITES
    changes = [(b"-%05d-" % site, b"-%05d-" % index), (b'"n%05d' % site, b'"n%05d' % index), (b"-access-%03d" % site, b"-access-%03d" % (index % 1000))]
    made = _templates(site)
    for old, new in changes:
        made = [each.replace(old, new) for each in made]
    return made


def page(nodes: int, path: str, query: t.Mapping[str, str]) -> bytes:
    if path == "/api/v1/nodes":
        return _nodes_page(nodes, int(query.get("continue") or 0), int(query["limit"]), only_gpus="gpu" in query.get("labelSelector", ""))
    if path != "/api/v1/pods":
        return _LIST % (b"List", b'{"resourceVersion":"1"}', b"")
    selector = query.get("fieldSelector", "")
    if selector.startswith("spec.nodeName=n"):
        return _LIST % (b"PodList", b'{"resourceVersion":"1"}', b",".join(_pods_of(int(selector[15:20]))))
    if selector.startswith("spec.nodeName=,"):
        return _LIST % (b"PodList", b'{"resourceVersion":"1"}', b"")
    return _pods_page(nodes, int(query.get("continue") or 0), int(query["limit"]))


def _nodes_page(nodes: int, start: int, limit: int, *, only_gpus: bool) -> bytes:
    step = 5 if only_gpus else 1
    chosen = range(0, nodes, step)[start : start + limit]
    metadata: dict[str, t.Any] = {"resourceVersion": "1"}
    if start + limit < nodes // step:
        metadata["continue"] = str(start + limit)
    return _LIST % (b"NodeList", _packed(metadata), b",".join(_packed(data.node(index)) for index in chosen))


def _pods_page(nodes: int, start: int, limit: int) -> bytes:
    each = data.PODS_PER_NODE
    end = min(start + limit, nodes * each)
    pods = [pod for index in range(start // each, -(-end // each)) for pod in _pods_of(index)][start % each : start % each + end - start]
    metadata: dict[str, t.Any] = {"resourceVersion": "1"}
    if end < nodes * each:
        metadata |= {"continue": str(end), "remainingItemCount": nodes * each - end}
    return _LIST % (b"PodList", _packed(metadata), b",".join(pods))


@contextlib.contextmanager
def replay(nodes: int) -> t.Iterator[str]:
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_serve, args=(nodes, ports), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=30)}"
    finally:
        process.terminate()
        process.join()


def _serve(nodes: int, ports: t.Any) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            path, _, raw = self.path.partition("?")
            one = path.removeprefix("/api/v1/nodes/n")
            body = _packed(data.node(int(one))) if one != path else page(nodes, path, dict(urllib.parse.parse_qsl(raw)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_message: object) -> None:
            pass

    setattr(Handler, "do_" + "GET", Handler.answer)

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    ports.put(server.server_port)
    server.serve_forever()
