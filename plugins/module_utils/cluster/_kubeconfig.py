# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Kubeconfigs, read and merged by kubectl's rules, and without the kubernetes package: its import costs half a second in every task.

Of several files the first that has an entry, or a current-context, wins; relative paths belong to the folder of their own file.
Tests hold the result against the package's loader and against ``kubectl config view``.
"""

from __future__ import annotations

import os
import typing as t
import urllib.parse

from ._errors import ConnectionConfigError

Json = t.Mapping[str, t.Any]

#: Section of a kubeconfig, what an entry of it is called, and which of its values are paths.
_SECTIONS = (
    ("clusters", "cluster", ("certificate-authority",)),
    ("users", "user", ("client-certificate", "client-key", "tokenFile")),
    ("contexts", "context", ()),
)
_CHECK = "check kubeconfig and context (or K8S_AUTH_KUBECONFIG, K8S_AUTH_CONTEXT)"
#: Where a pod finds its service account.
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Chosen(t.NamedTuple):
    """The cluster and the user of one context, their paths absolute. ``where`` names the kubeconfig in sentences."""

    where: str
    cluster: Json
    user: Json

    def text(self, section: t.Literal["cluster", "user"], name: str) -> str:
        """A value that has to be a text; empty when it is not there."""
        value = getattr(self, section).get(name)
        if value is not None and not isinstance(value, str):
            raise self.refusal(f"{name} of its {section} is not a text")
        return value or ""

    def refusal(self, why: str) -> ConnectionConfigError:
        return refusal(self.where, why)


def refusal(where: str, why: str) -> ConnectionConfigError:
    return ConnectionConfigError(f"{where} cannot be used: {' '.join(why.split())[:400]}; {_CHECK}")


def of_dictionary(config: Json, context: str | None) -> Chosen:
    """A kubeconfig's content; its relative paths belong to the working directory."""
    where = "the kubeconfig given as a dictionary"
    return _choose(where, _merged(where, [(config, os.getcwd())]), context)


def of_files(named: str | None, context: str | None) -> Chosen:
    """``named``: the option (one path, or several as KUBECONFIG takes them); else KUBECONFIG, ~/.kube/config, the pod's service account."""
    given = named or os.environ.get("KUBECONFIG") or "~/.kube/config"
    whole = os.path.expanduser(given)
    paths = [whole] if named and os.path.exists(whole) else [os.path.expanduser(path) for path in given.split(os.pathsep) if path]
    found = [path for path in paths if os.path.exists(path)]
    where = f"kubeconfig {os.pathsep.join(paths)}"
    if not found:
        pod = None if named or context else _service_account()
        if pod is None:
            raise refusal(where, "there is no such file")
        return pod
    return _choose(where, _merged(where, [(_load(path), os.path.dirname(os.path.abspath(path))) for path in found]), context)


def _service_account() -> Chosen | None:
    """As kubectl and helm do in a pod that has no kubeconfig."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    token = os.path.join(SERVICE_ACCOUNT, "token")
    if not host or not port or not os.path.exists(token):
        return None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": os.path.join(SERVICE_ACCOUNT, "ca.crt")}
    return Chosen("the pod's service account", cluster, {"tokenFile": token})


def _load(path: str) -> Json:
    import yaml

    where = f"kubeconfig {path}"
    try:
        with open(path, encoding="utf-8") as file:
            # The loader in C is ten times faster, and not in every build of PyYAML.
            config = yaml.load(file, Loader=yaml.CSafeLoader) if hasattr(yaml, "CSafeLoader") else yaml.safe_load(file)
    except OSError as error:
        raise refusal(where, error.strerror or str(error)) from error
    except (ValueError, yaml.YAMLError) as error:
        raise refusal(where, f"it is not YAML: {str(error).strip().splitlines()[0]}") from error
    if config is not None and not isinstance(config, dict):
        raise refusal(where, "it is not a mapping")
    return config or {}


def _merged(where: str, configs: t.Sequence[tuple[Json, str]]) -> Json:
    merged: dict[str, t.Any] = {"current-context": "", **{section: {} for section, _key, _paths in _SECTIONS}}
    for config, folder in configs:
        merged["current-context"] = merged["current-context"] or config.get("current-context")
        for section, key, paths in _SECTIONS:
            for name, entry in _entries(where, config, section, key).items():
                merged[section].setdefault(name, _absolute(entry, paths, folder))
    return merged


def _entries(where: str, config: Json, section: str, key: str) -> dict[str, Json]:
    entries = config.get(section) or []
    if not isinstance(entries, list):
        raise refusal(where, f"{section} is not a list")
    found: dict[str, Json] = {}
    for entry in entries:
        content = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not isinstance(content, dict | None):
            raise refusal(where, f"an entry of {section} is not a name with a {key}")
        if entry["name"] in found:
            raise refusal(where, f"the name {entry['name']} comes twice in {section}")
        found[entry["name"]] = content or {}
    return found


def _absolute(entry: Json, paths: t.Sequence[str], folder: str) -> Json:
    absolute: dict[str, t.Any] = {
        name: os.path.normpath(os.path.join(folder, entry[name])) for name in paths if isinstance(entry.get(name), str) and entry[name]
    }
    plugin = entry.get("exec")
    # A command without a slash is looked for in PATH.
    if isinstance(plugin, dict) and isinstance(plugin.get("command"), str) and os.sep in plugin["command"]:
        absolute["exec"] = {**plugin, "command": os.path.normpath(os.path.join(folder, plugin["command"]))}
    return {**entry, **absolute}


def _choose(where: str, merged: Json, wanted: str | None) -> Chosen:
    name = wanted or merged["current-context"]
    if not name:
        raise refusal(where, "it names no current-context")
    context = merged["contexts"].get(name)
    if context is None:
        raise refusal(where, f"it has no context {name}, only {', '.join(merged['contexts']) or 'none'}")
    cluster = merged["clusters"].get(context.get("cluster"))
    if cluster is None:
        raise refusal(where, f"it has no cluster {context.get('cluster')}, which its context {name} names")
    # A context may name no user, who is then anonymous; one that is named and missing was meant to be somebody.
    user = merged["users"].get(context["user"]) if context.get("user") else {}
    if user is None:
        raise refusal(where, f"it has no user {context['user']}, whom its context {name} names")
    chosen = Chosen(where, cluster, user)
    if not usable(chosen.text("cluster", "server")):
        raise chosen.refusal(f"the server of its cluster {context['cluster']} is no URL that begins with https:// or http://")
    return chosen


def usable(server: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(server)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
