"""How many requests a second go through our port-forward, and what it adds to each.

    make lab-up; python -m tests.bench.forward [--name LAB]

The pod answers at once, so that what is measured is the path: http.client, websocket, API server, kubelet. Beside it the same requests
straight to the pod's port on this machine. Quiet machine, or the numbers are about the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import statistics
import sys
import threading
import time
import types
import typing as t

from lab._api import client
from lab._client import Client
from lab._layout import Layout
from lab.status import existing

importlib.import_module("tests.conftest")
NAMESPACE, POD = "verify-bench", "echo"
LEAST_PER_SECOND, MOST_ADDED_MS = 1000.0, 2.0
SERVER = """
import asyncio
class Answer(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.head = transport, b""
    def data_received(self, data):
        self.head += data
        while b"\\r\\n\\r\\n" in self.head:
            self.head = self.head.partition(b"\\r\\n\\r\\n")[2]
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "0.0.0.0", 8000)
    await server.serve_forever()
asyncio.run(main())
"""


def part(name: str) -> types.ModuleType:
    return importlib.import_module(f"ansible_collections.inference.vllm.plugins.module_utils.{name}")


def pod() -> dict[str, t.Any]:
    container = {"name": "echo", "image": "vllm/vllm-openai:v0.32.0", "command": ["python3", "-c", SERVER], "ports": [{"name": "http", "containerPort": 8000}]}
    probe = {"tcpSocket": {"port": "http"}, "periodSeconds": 1}
    tolerations = [{"key": "gpu-workload", "operator": "Exists"}]
    spec = {"nodeSelector": {"node-type": "gpu"}, "tolerations": tolerations, "containers": [{**container, "readinessProbe": probe}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": {**spec, "terminationGracePeriodSeconds": 1}}


@contextlib.contextmanager
def echo(admin: Client) -> t.Iterator[int]:
    """The pod, while it runs; its port on this machine."""
    namespaces = "/api/v1/namespaces"
    if not admin.exists(f"{namespaces}/{NAMESPACE}"):
        admin.create(namespaces, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    until = time.monotonic() + 60
    while time.monotonic() < until and not admin.exists(f"{namespaces}/{NAMESPACE}/serviceaccounts/default"):
        time.sleep(0.1)
    admin.create(f"{namespaces}/{NAMESPACE}/pods", pod())
    try:
        while time.monotonic() < until:
            found = admin.get(f"{namespaces}/{NAMESPACE}/pods/{POD}")
            if part("endpoint._pods").ready(found):
                break
            time.sleep(0.2)
        forwards = admin.get(f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{NAMESPACE}/portforwards/{POD}")["spec"]["forwards"]
        yield int(forwards[0]["target"]["port"])
    finally:
        admin.delete(f"{namespaces}/{NAMESPACE}")
        admin.delete(f"{namespaces}/{NAMESPACE}/pods/{POD}", {"gracePeriodSeconds": 1})


def measure(transport: t.Any, concurrency: int, requests: int) -> tuple[float, list[float]]:
    """Requests a second, and the milliseconds of each."""
    taken: list[float] = []

    def work() -> None:
        session = part("endpoint._http").HttpSession(transport)
        for number in range(requests // concurrency + 20):
            answer = session.ask("GET", "/health", seconds=30)
            if number >= 20:
                taken.append((answer.end - answer.start) * 1000)
        session.close()

    threads = [threading.Thread(target=work) for _ in range(concurrency)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads) * (requests // concurrency + 20) / (time.perf_counter() - start), taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="default", help="name of a running lab")
    parser.add_argument("--requests", type=int, default=4000)
    options = parser.parse_args()
    lab = existing(Layout(options.name))
    admin = client(lab.layout, lab.state, who="admin", seconds=300)
    print(f"{options.requests} requests each; load {os.getloadavg()[0]:.1f}\n{'via':14}{'concurrency':>12}{'requests/s':>12}{'P50 ms':>9}{'P95 ms':>9}")
    rates, added = {}, {}
    with echo(admin) as port:
        transports, guard = part("endpoint._transports"), part("endpoint._guard")
        connection = part("cluster._connection").connect({"kubeconfig": str(lab.layout.kubeconfig("admin"))})
        product = part("cluster._client").Client(connection, part("_deadline").Deadline(300))
        forwarded = transports.PortForward(product, NAMESPACE, POD, 8000)
        direct = transports.Direct(guard.parse(f"http://127.0.0.1:{port}"), guard.networks(["127.0.0.0/8"]))
        for name, transport in (("direct", direct), ("port_forward", forwarded)):
            for concurrency in (1, 8):
                rate, taken = measure(transport, concurrency, options.requests)
                cuts = statistics.quantiles(taken, n=100, method="inclusive")
                rates[name, concurrency], added[name, concurrency] = rate, cuts[94]
                print(f"{name:14}{concurrency:12}{rate:12.0f}{cuts[49]:9.2f}{cuts[94]:9.2f}", flush=True)
    more = added["port_forward", 1] - added["direct", 1]
    print(f"port_forward carries {rates['port_forward', 8]:.0f} requests/s at concurrency 8 ({LEAST_PER_SECOND:.0f} are asked for)")
    print(f"and adds {more:.2f} ms to the P95 at concurrency 1 ({MOST_ADDED_MS:g} may be)")
    return 0 if rates["port_forward", 8] >= LEAST_PER_SECOND and more <= MOST_ADDED_MS else 1


if __name__ == "__main__":
    sys.exit(main())
