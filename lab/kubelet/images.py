"""The image store: folders under ``lab/images``, each with an ``image.json``, stand for the images of all registries."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re

from .types import ConfigError, ImageError, Json

_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-f]{32,}")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[\w][\w.-]{0,127}")


@dataclasses.dataclass(frozen=True)
class Reference:
    """An image name in full: ``vllm/vllm-openai:v1`` is ``docker.io/vllm/vllm-openai:v1``."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def base(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def full(self) -> str:
        return self.base + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclasses.dataclass(frozen=True)
class Image:
    """An image that was found. ``bin`` stands first on its containers' PATH."""

    name: str
    id: str
    bin: pathlib.Path
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    user: str
    env: dict[str, str]
    size: int


def reference(text: str) -> Reference:
    """Raises ImageError (InvalidImageName) for what is no image name."""
    rest, _at, digest = text.partition("@")
    first, slash, after = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, rest = first, after
    else:
        registry = "docker.io"
        rest = rest if slash else f"library/{rest}"
    repository, _colon, tag = rest.partition(":")
    valid = _REPOSITORY.fullmatch(repository) and (not tag or _TAG.fullmatch(tag)) and (not digest or _DIGEST.fullmatch(digest))
    if not valid or text.endswith((":", "@")):
        message = f"couldn't parse image name {json.dumps(text)}: invalid reference format"
        raise ImageError("InvalidImageName", f"Failed to apply default image tag {json.dumps(text)}: {message}")
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)


def find(store: pathlib.Path, text: str) -> Image:
    """The image of that name, or ImageError in the words of containerd."""
    wanted = reference(text)
    known = False
    for file in sorted(store.glob("*/image.json")):
        about = json.loads(file.read_text())
        own = reference(about["repository"])
        if own.base != wanted.base:
            continue
        known = True
        digest = _digest(file, about, wanted)
        if digest:
            return _image(file, about, wanted, digest)
    raise ImageError("ErrImagePull", _refusal(wanted, known=known))


def _digest(file: pathlib.Path, about: Json, wanted: Reference) -> str:
    """The digest under which the folder answers to the wanted name, or nothing when it has no such tag or digest."""
    digests = about.get("digests") or ["sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()]
    if wanted.digest:
        return wanted.digest if wanted.digest in digests else ""
    tags = about.get("tags") or []
    if wanted.tag not in tags:
        return ""
    return str(digests[min(tags.index(wanted.tag), len(digests) - 1)])


def _image(file: pathlib.Path, about: Json, wanted: Reference, digest: str) -> Image:
    folder = file.parent / "bin"
    return Image(
        name=wanted.full,
        id=f"{wanted.base}@{digest}",
        bin=folder,
        entrypoint=tuple(about.get("entrypoint") or ()),
        cmd=tuple(about.get("cmd") or ()),
        user=str(about.get("user") or "root"),
        env={str(name): str(value) for name, value in (about.get("env") or {}).items()},
        size=int(about.get("size") or sum(item.stat().st_size for item in folder.glob("*") if item.is_file())),
    )


def _refusal(wanted: Reference, *, known: bool) -> str:
    """What containerd says when the registry has no such repository (it does not tell missing from private), tag or digest."""
    start = f'failed to pull and unpack image "{wanted.full}": failed to resolve reference "{wanted.full}": '
    if known:
        return f"rpc error: code = NotFound desc = {start}{wanted.full}: not found"
    denied = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"
    return f"rpc error: code = Unknown desc = {start}{denied}"


def refuse_root(pod: Json, container: Json, image: Image) -> None:
    """``runAsNonRoot``: ConfigError for a container that would run as root, in the kubelet's words."""
    context = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    if not context.get("runAsNonRoot"):
        return
    metadata = pod["metadata"]
    which = f'(pod: "{metadata["name"]}_{metadata["namespace"]}({metadata["uid"]})", container: {container["name"]})'
    if context.get("runAsUser") is not None:
        if int(context["runAsUser"]) == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {which}")
    elif image.user in ("root", "0"):
        # containerd gives the user of an image without one, or with "root", as uid 0.
        raise ConfigError(f"container has runAsNonRoot and image will run as root {which}")
    elif not image.user.isdigit():
        raise ConfigError(f"container has runAsNonRoot and image has non-numeric user ({image.user}), cannot verify user is non-root {which}")
