"""Starts a container: image, configuration, process; and says in the kubelet's words what stands in the way."""

from __future__ import annotations

import os
import random
import sys
import time

from . import env, handlers, images, runtime, sandbox
from .backoff import Backoff
from .expansion import expand, translate
from .handlers import Place
from .lab import ROOT, Lab, Node, pod_text
from .sandbox import Sandbox
from .types import ConfigError, Container, Exit, ImageError, Json, StartError

# The real kubelet looks at a pod that waits at least once in this time, and counts its event again.
RESYNC_SECONDS = 60.0


class Starter:
    """Holds, for one pod, what earlier attempts have taught: delays and errors."""

    def __init__(self, lab: Lab, place: Sandbox) -> None:
        self._lab = lab
        self._sandbox = place
        self._crashes: dict[str, Backoff] = {}
        self._pulls: dict[str, _Pull] = {}
        self._next: dict[str, float] = {}

    def hurry(self, container: Container) -> None:
        """Something about the container has changed: try again at once."""
        self._next.pop(container.name, None)

    async def start(self, pod: Json, container: Container) -> float:
        """Starts it, or leaves ``waiting`` with the reason. Seconds until it is worth trying again; 0 when it runs."""
        early = self._next.get(container.name, 0.0) - time.time()
        if early > 0:
            return early
        delay = self._backing_off(pod, container)
        if not delay:
            try:
                image = self._image(pod, container)
                await self._run(pod, container, image)
            except ImageError as error:
                delay = self._refused(pod, container, error)
            except ConfigError as error:
                delay = self._failed(pod, container, "CreateContainerConfigError", str(error))
            except StartError as error:
                delay = self._not_started(pod, container, str(error))
        if delay:
            self._next[container.name] = time.time() + delay
        return delay

    def _event(self, pod: Json, kind: str, reason: str, message: str, container: Container) -> None:
        self._lab.recorder.record(pod, kind, reason, message, container)

    def _backing_off(self, pod: Json, container: Container) -> float:
        ended = container.last_exit
        if ended is None:
            return 0.0
        backoff = self._crashes.setdefault(container.name, Backoff(self._lab.options.crash_base, self._lab.options.crash_cap))
        now = time.time()
        left = backoff.remaining(ended.finished_at, now)
        if not left:
            backoff.advance(ended.finished_at, now)
            return 0.0
        self._event(pod, "Warning", "BackOff", f"Back-off restarting failed container {container.name} in pod {pod_text(pod)}", container)
        container.waiting = ("CrashLoopBackOff", f"back-off {_duration(backoff.delay)} restarting failed container={container.name} pod={pod_text(pod)}")
        return min(left, RESYNC_SECONDS) * random.uniform(1.0, 1.5)

    def _image(self, pod: Json, container: Container) -> images.Image:
        """The image, pulled when its policy asks for it."""
        name, node = container.spec["image"], self._lab.node(pod)
        full = images.reference(name).full
        policy = container.spec.get("imagePullPolicy") or "IfNotPresent"
        if policy == "Never" and full not in node.images:
            raise ImageError("ErrImageNeverPull", f'Container image "{name}" is not present with pull policy of Never')
        if policy == "IfNotPresent" and full in node.images:
            image = images.find(self._lab.options.images, name)
            self._event(pod, "Normal", "Pulled", f'Container image "{name}" already present on machine and can be accessed by the pod', container)
            return image
        return self._pull(pod, container, node, full)

    def _pull(self, pod: Json, container: Container, node: Node, full: str) -> images.Image:
        name, began = container.spec["image"], time.monotonic()
        pull = self._pulls.setdefault(name, _Pull(Backoff(self._lab.options.pull_base, self._lab.options.pull_cap)))
        if pull.backoff.remaining(pull.failed_at, time.time()):
            self._event(pod, "Normal", "BackOff", f'Back-off pulling image "{name}"', container)
            raise ImageError("ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {pull.message}')
        self._event(pod, "Normal", "Pulling", f'Pulling image "{name}"', container)
        try:
            image = images.find(self._lab.options.images, name)
        except ImageError as error:
            pull.failed_at, pull.message = time.time(), str(error)
            pull.backoff.advance(pull.failed_at, pull.failed_at)
            self._event(pod, "Warning", "Failed", f'Failed to pull image "{name}": {error}', container)
            raise
        node.images.add(full)
        took = f"{max(1, round((time.monotonic() - began) * 1000))}ms"
        message = f'Successfully pulled image "{name}" in {took} ({took} including waiting). Image size: {image.size} bytes.'
        self._event(pod, "Normal", "Pulled", message, container)
        return image

    async def _run(self, pod: Json, container: Container, image: images.Image) -> None:
        images.refuse_root(pod, container.spec, image)
        node, attempt = self._lab.node(pod), container.attempts
        about = await sandbox.facts(self._lab, pod, node, self._sandbox.ip, env.references(container.spec))
        variables = env.environment(container.spec, about)
        paths = self._sandbox.paths(container, attempt)
        order = self._order(container, image, variables, paths, pod)
        if not order.argv:
            raise ConfigError("no command specified")
        self._event(pod, "Normal", "Created", "Container created", container)
        container.image, container.image_id = image.name, image.id
        container.attempts = attempt + 1
        container.run = await runtime.start(order)
        container.waiting = None
        self._event(pod, "Normal", "Started", "Container started", container)
        self._sandbox.forget(container)

    def _order(self, container: Container, image: images.Image, variables: dict[str, str], paths: dict[str, str], pod: Json) -> runtime.Order:
        spec = container.spec
        command = spec.get("command") or list(image.entrypoint)
        arguments = spec.get("args") or ([] if spec.get("command") else list(image.cmd))
        root = self._sandbox.root(container, container.attempts)
        cwd = root / (spec.get("workingDir") or "").lstrip("/")
        cwd.mkdir(parents=True, exist_ok=True)
        return runtime.Order(
            folder=self._sandbox.run_folder(container, container.attempts),
            attempt=container.attempts,
            argv=[translate(expand(part, variables), paths) for part in [*command, *arguments]],
            env=self._environment(image, variables, paths, pod, root=str(root)),
            cwd=cwd,
            log=self._sandbox.new_log(container),
        )

    def _environment(self, image: images.Image, variables: dict[str, str], paths: dict[str, str], pod: Json, *, root: str) -> dict[str, str]:
        """The image's variables, the container's, and what the lab adds so that the program finds its ports and its Python."""
        own = {**image.env, **{name: translate(value, paths) for name, value in variables.items()}}
        ports = ",".join(f"{inside}={outside}" for inside, outside in self._sandbox.ports.items())
        return {
            "HOME": root,
            "HOSTNAME": (pod["spec"].get("hostname") or pod["metadata"]["name"])[:63],
            **own,
            "PATH": f"{image.bin}:{own.get('PATH') or '/usr/bin:/bin'}",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "lab" / "images" / "site"), str(ROOT), own.get("PYTHONPATH")])),
            "LAB_PYTHON": sys.executable,
            "LAB_PORTS": ports,
            "LAB_POD_IP": self._sandbox.ip,
        }

    async def post_start(self, pod: Json, container: Container) -> bool:
        """Runs the hook, if there is one; whether the container may go on."""
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if not hook or await handlers.hook(hook, self.place(container)):
            return True
        self._event(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", container)
        return False

    def place(self, container: Container) -> Place:
        """Where handlers of a running container work."""
        run = container.run
        if run is None:
            raise RuntimeError(f"{container.name} does not run")
        paths = self._sandbox.paths(container, run.attempt)
        root = self._sandbox.root(container, run.attempt)
        cwd = root / (container.spec.get("workingDir") or "").lstrip("/")
        return Place(container.spec, runtime.environment(run), cwd, paths, self._sandbox.ports, self._sandbox.ip)

    def _refused(self, pod: Json, container: Container, error: ImageError) -> float:
        delay = self._failed(pod, container, error.reason, str(error), short=error.reason)
        # The event of the pod's new sandbox makes the real kubelet look again after a second: then it is in back-off.
        return min(1.0, delay) if error.reason == "ErrImagePull" else delay

    def _failed(self, pod: Json, container: Container, reason: str, message: str, *, short: str = "") -> float:
        if reason in ("ErrImageNeverPull", "InvalidImageName"):
            first = ("ErrImageNeverPull", message) if reason == "ErrImageNeverPull" else ("InspectFailed", message)
            self._event(pod, "Warning", *first, container)
        self._event(pod, "Warning", "Failed", f"Error: {short or message}", container)
        container.waiting = (reason, message)
        return self._lab.options.retry * random.uniform(1.0, 1.5)

    def _not_started(self, pod: Json, container: Container, message: str) -> float:
        """The container was created and its program could not be executed: containerd reports that as an exit with 128."""
        self._failed(pod, container, "RunContainerError", message)
        container.exits = [*container.exits, Exit(128, "StartError", 0.0, time.time(), "", message)][-2:]
        return min(1.0, self._lab.options.retry)


class _Pull:
    """What is known of the pulls of one image for this pod."""

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.failed_at = 0.0
        self.message = ""


def _duration(seconds: float) -> str:
    """As Go prints it: 10s, 1m20s, 5m0s."""
    if seconds != int(seconds):
        return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
