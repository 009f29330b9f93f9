"""The lab's own API server: the client with the identities of the lab's PKI, and where its objects are."""

from __future__ import annotations

import http.client
import ssl

from ._client import Client, Json
from ._layout import Layout
from ._state import State

GROUPS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "LimitRange": "limitranges",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Pod": "pods",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "StorageClass": "storageclasses",
}
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "Node", "StorageClass"}


def client(layout: Layout, state: State, *, who: str = "admin", seconds: float = 30) -> Client:
    return Client(f"https://127.0.0.1:{state.ports['kube-apiserver']}", trust(layout, identity=who), seconds=seconds)


def apply(api: Client, manifest: Json, *, namespace: str | None = None) -> None:
    """The same whether the object is there or not."""
    api.apply(path(manifest, namespace), manifest)


def path(manifest: Json, namespace: str | None = None) -> str:
    version, kind, name = manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = "" if kind in CLUSTER_WIDE else f"/namespaces/{manifest['metadata'].get('namespace') or namespace}"
    return f"{root}{place}/{GROUPS[kind]}/{name}"


def healthz(port: int, route: str, tls: ssl.SSLContext, *, seconds: float = 2) -> str | None:
    """None when the part answers 200; else what was seen."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=seconds, context=tls)
    try:
        connection.request("GET", route)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if answer.status == 200 else f"HTTP {answer.status} on {route}"


def trust(layout: Layout, *, authority: str = "ca", identity: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(layout.pki / f"{authority}.crt"))
    if identity:
        context.load_cert_chain(str(layout.pki / f"{identity}.pem"))
    return context
