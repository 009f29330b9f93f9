"""A pod's own place on the machine: folder, address, ports, volumes, logs. It outlives the kubelet."""

from __future__ import annotations

import json
import pathlib

from . import env, network, runtime, volumes
from .api import Api
from .lab import Lab, Node
from .types import Container, Exit, Json, MountError, Run

LOST = "The container could not be located when the pod was terminated"
MESSAGE_BYTES = 4096
FALLBACK_BYTES, FALLBACK_LINES = 2048, 80


class Sandbox:
    def __init__(self, lab: Lab, pod: Json) -> None:
        self._lab = lab
        self.folder = lab.options.state / "pods" / str(pod["metadata"]["uid"])
        self.volumes = volumes.Volumes(self.folder / "volumes", lab.options.state / "host")
        self.ip = ""
        self.ports: dict[int, int] = {}

    def open(self, pod: Json) -> None:
        """Takes the address and ports that the pod had, or new ones, and writes them down."""
        file = self.folder / "pod.json"
        if file.exists():
            known = json.loads(file.read_text())
            self.ip, self.ports = known["ip"], {int(inside): outside for inside, outside in known["ports"].items()}
            self._lab.addresses.take(self.ip, list(self.ports.values()))
            return
        self.folder.mkdir(parents=True, mode=0o700)
        self.ip = self._lab.addresses.ip()
        self.ports = {port: self._lab.addresses.port() for port in network.container_ports(pod["spec"])}
        metadata = pod["metadata"]
        about = {"namespace": metadata["namespace"], "name": metadata["name"], "node": pod["spec"]["nodeName"], "ip": self.ip, "ports": self.ports}
        file.write_text(json.dumps(about))

    def close(self) -> None:
        """Nothing of the pod stays."""
        volumes.remove(self.folder)
        self._lab.addresses.release(self.ip, list(self.ports.values()))

    def root(self, container: Container, attempt: int) -> pathlib.Path:
        """The folder that stands for the run's file system, empty at its start; it is also its HOME and where it starts."""
        return self.run_folder(container, attempt) / "root"

    def run_folder(self, container: Container, attempt: int) -> pathlib.Path:
        return self.folder / "containers" / container.name / str(attempt)

    def log(self, container: Container, run: int | str) -> pathlib.Path:
        """The log of a run by its number, or the link ``current`` or ``previous``."""
        return self.folder / "logs" / container.name / f"{run}.log"

    def forget(self, container: Container) -> None:
        """Runs before the last leave no more than the last two logs and exits."""
        for folder in (self.folder / "containers" / container.name).glob("[0-9]*"):
            if int(folder.name) < container.attempts - 2:
                volumes.remove(folder)
                self.log(container, folder.name).unlink(missing_ok=True)
                self.log(container, folder.name).with_suffix(".log.1").unlink(missing_ok=True)

    def new_log(self, container: Container) -> pathlib.Path:
        """An empty log for the next run; the links move on."""
        log = self.log(container, container.attempts)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        for link, run in (("current", container.attempts), ("previous", container.attempts - 1)):
            if run >= 0:
                part = log.with_name(f".{link}")
                part.symlink_to(f"{run}.log")
                part.replace(self.log(container, link))
        return log

    def paths(self, container: Container, attempt: int) -> dict[str, str]:
        """Paths of the container to where they really are: its mounts and its termination log."""
        root = self.root(container, attempt)
        root.mkdir(parents=True, exist_ok=True)
        found = self.volumes.paths(container.spec, root)
        inside = container.spec.get("terminationMessagePath") or "/dev/termination-log"
        message = self.run_folder(container, attempt) / "termination-log"
        message.parent.mkdir(parents=True, exist_ok=True)
        message.touch()
        place = root / inside.strip("/")
        volumes.link(place, message)
        return {**found, inside: str(place)}

    def restore(self, containers: list[Container], shown: Json) -> None:
        """Fills in what earlier runs left behind, and which of them still live; ``shown`` is the status that the API server has."""
        known = {c["name"]: c for field in ("containerStatuses", "initContainerStatuses") for c in shown.get(field) or []}
        for container in containers:
            about = known.get(container.name) or {}
            container.image, container.image_id = about.get("image", ""), about.get("imageID", "")
            container.run = self._living(container)
            if container.run is not None:
                container.started, container.ready = bool(about.get("started")), bool(about.get("ready"))

    def _living(self, container: Container) -> Run | None:
        folders = sorted((f for f in (self.folder / "containers" / container.name).glob("[0-9]*")), key=lambda f: int(f.name))
        for folder in folders:
            run = runtime.recorded(folder)
            if run is None:
                continue
            container.attempts = run.attempt + 1
            if runtime.alive(run) and runtime.ending(run) is None:
                return run
            container.exits = [*container.exits, self.exit_of(container, run)][-2:]
        return None

    def exit_of(self, container: Container, run: Run) -> Exit:
        """How a run ended, as far as anybody wrote it down."""
        ending = runtime.ending(run)
        if ending is None:
            runtime.end_tree(run)
            return Exit(137, "ContainerStatusUnknown", run.started_at, _latest(run.folder), run.container_id, LOST)
        code, finished = ending
        reason = container.doom or ("Completed" if code == 0 else "Error")
        return Exit(code, reason, run.started_at, finished, run.container_id, self._message(container, run, code))

    def _message(self, container: Container, run: Run, code: int) -> str:
        try:
            text = (run.folder / "termination-log").read_bytes()[:MESSAGE_BYTES].decode("utf-8", "replace")
        except OSError:
            text = ""
        fallback = container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        return text or (last_lines(self.log(container, run.attempt)) if fallback and code else "")


def last_lines(log: pathlib.Path) -> str:
    """The end of a log without its stamps, as much as a termination message takes."""
    try:
        lines = log.read_bytes()[-64 * 1024 :].decode("utf-8", "replace").splitlines()[-FALLBACK_LINES:]
    except OSError:
        return ""
    text = "".join(f"{line.split(' ', 3)[3]}\n" for line in lines if line.count(" ") >= 3)
    return text.encode()[-FALLBACK_BYTES:].decode("utf-8", "ignore")


def _latest(folder: pathlib.Path) -> float:
    return max(file.stat().st_mtime for file in folder.iterdir())


async def facts(lab: Lab, pod: Json, node: Node, ip: str, wanted: set[env.Reference]) -> env.Facts:
    """What a container's environment and volumes are made of, asked now."""
    objects = {reference: await lab.call(_object, lab.api, pod, *reference) for reference in wanted}
    services = await lab.call(_services, lab.api, pod)
    return env.Facts(pod, ip, node.host_ip, node.allocatable, objects, services)


def _object(api: Api, pod: Json, kind: str, name: str) -> Json | None:
    plural = {"secret": "secrets", "configmap": "configmaps"}[kind]
    return api.find(f"/api/v1/namespaces/{pod['metadata']['namespace']}/{plural}/{name}")


def _services(api: Api, pod: Json) -> dict[str, str]:
    namespace, links = pod["metadata"]["namespace"], bool(pod["spec"].get("enableServiceLinks"))
    found = [s for s in [api.find("/api/v1/namespaces/default/services/kubernetes")] if s]
    if links:
        found += [{**s, "metadata": s["metadata"]} for s in api.get(f"/api/v1/namespaces/{namespace}/services").get("items") or []]
    return env.service_variables(found, namespace, links=links)


async def prepare(lab: Lab, sandbox: Sandbox, pod: Json, node: Node) -> None:
    """Makes the pod's volumes. MountError says which cannot be made."""
    about = await facts(lab, pod, node, sandbox.ip, volumes.references(pod["spec"]))
    claimed = {name: await lab.call(_claimed, lab.api, pod, name, claim) for name, claim in volumes.claims(pod["spec"]).items()}
    tokens = {audience: await lab.call(_token, lab.api, pod, source) for audience, source in _token_sources(pod["spec"]).items()}
    sandbox.volumes.prepare(about, claimed, tokens)


def _claimed(api: Api, pod: Json, volume: str, claim: str) -> pathlib.Path:
    """The folder of the PersistentVolume that the claim is bound to."""
    bound = api.find(f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims/{claim}") or {}
    name = (bound.get("spec") or {}).get("volumeName")
    held = api.find(f"/api/v1/persistentvolumes/{name}") if name else None
    path = (((held or {}).get("spec") or {}).get("hostPath") or ((held or {}).get("spec") or {}).get("local") or {}).get("path")
    if not path:
        raise MountError(f'MountVolume.SetUp failed for volume "{volume}" : PersistentVolumeClaim "{claim}" is not bound to a volume of the lab')
    folder = pathlib.Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _token_sources(spec: Json) -> dict[str, Json]:
    sources = [
        s["serviceAccountToken"] for v in spec.get("volumes") or [] for s in (v.get("projected") or {}).get("sources") or [] if s.get("serviceAccountToken")
    ]
    return {source.get("audience") or "": source for source in sources}


def _token(api: Api, pod: Json, source: Json) -> str:
    metadata = pod["metadata"]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
    asked = {
        "audiences": [source["audience"]] if source.get("audience") else [],
        "expirationSeconds": source.get("expirationSeconds") or 3600,
        "boundObjectRef": bound,
    }
    path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{pod['spec'].get('serviceAccountName') or 'default'}/token"
    answer = api.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": asked})
    return str(answer["status"]["token"])
