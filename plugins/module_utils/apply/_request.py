# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a run asks for about one model, and what is refused of it before anything is asked of the cluster. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from .._spec import Params
from ..bundle import _bundle
from ..bundle._bundle import Values
from ..change import _names
from ..gates import _confidence, _gate
from ..release._planner import ReleaseRequest

StateName = t.Literal["present", "verified", "absent"]
#: Values of the chart that are read here.
_MAPS = ("model", "image", "engine", "apiKey", "hfToken")
STATES: tuple[StateName, ...] = ("present", "verified", "absent")


@dataclasses.dataclass(frozen=True)
class ApplyRequest:
    """``release`` is the name of the Helm release, ``params`` all options as the module took them."""

    state: StateName
    model: str
    environment: str
    namespace: str
    release: str
    replicas: int | None
    values: Values
    params: Params

    def release_request(self) -> ReleaseRequest:
        params = self.params
        return ReleaseRequest(
            name=self.release,
            namespace=self.namespace,
            chart_ref=params["chart_ref"],
            values=self.values,
            values_files=tuple(params["values_files"]),
            revision=params["revision"],
            strategy=params["strategy"],
            kind=params["kind"],
            autoscaled=params["autoscaled"],
            fix_drift=params["fix_drift"],
        )


def read(params: Params) -> ApplyRequest:
    """Raises InputError with everything that is wrong, in one sentence each."""
    model, environment = params["model"], params["environment"]
    release = params["release"] or _names.release_name(model, environment)
    request = ApplyRequest(
        state=params["state"],
        model=model,
        environment=environment,
        namespace=params["namespace"] or environment,
        release=release,
        replicas=None if params["autoscaled"] else params["replicas"],
        values=_values(params),
        params=params,
    )
    problems = [*_names_problems(request), *(_problems(request) if request.state != "absent" else _retire_problems(request))]
    if problems:
        code, message = problems[0]
        rest = "; ".join(text for _code, text in problems[1:])
        raise InputError(f"{model}: {message}{'; ' + rest if rest else ''}", code=code, result={"problems": [{"code": c, "message": m} for c, m in problems]})
    return request


def _values(params: Params) -> Values:
    """What the collection owns of the chart's values, and the user's own over it."""
    image = dict(params["image"])
    if image.get("digest"):
        # The chart has a tag by default, and takes only one of the two.
        image.setdefault("tag", None)
    owned: Values = {
        "environment": params["environment"],
        "model": {**params["model_options"], "servedName": params["model"]},
        "image": image,
        "engine": params["engine"],
        "replicas": None if params["autoscaled"] else params["replicas"],
        "resources": params["resources"],
        "apiKey": {"existingSecret": params["api_key_secret"]} if params["api_key_secret"] else {},
        "hfToken": {"existingSecret": params["hf_token_secret"]} if params["hf_token_secret"] else {},
    }
    return _bundle.merge(owned, params["values"])


def _names_problems(request: ApplyRequest) -> t.Iterator[tuple[str, str]]:
    for check, name in ((_names.check_release, request.release), (_names.check_namespace, request.namespace)):
        try:
            check(name)
        except InputError as error:
            yield error.code, str(error)


def _problems(request: ApplyRequest) -> t.Iterator[tuple[str, str]]:
    params, production = request.params, request.environment == "production"
    if params["promotes_from"] and request.state == "present":
        yield (
            "promotion_only",
            f"{request.environment} takes bundles only by promotion from {params['promotes_from']}, and this version of the collection cannot promote yet; "
            f"deploy {request.model} to {params['promotes_from']} instead",
        )
    shapeless = [name for name in _MAPS if not isinstance(request.values.get(name) or {}, dict)]
    for name in shapeless:
        yield "invalid_input", f"vllm_values.{name} must be a map of values, not {request.values[name]!r}"
    if shapeless:
        return
    try:
        _bundle.normal(request.values)
    except InputError as error:
        yield error.code, str(error)
    if not (request.values.get("model") or {}).get("source"):
        yield "no_source", "the model has no source; set vllm_model.source to a hub id or a path"
    image = request.values.get("image") or {}
    if production and image.get("tag") == "latest":
        yield "tag_latest", "the image tag latest may be another image tomorrow; production needs a fixed tag or a digest (vllm_image)"
    if production and not (request.values.get("model") or {}).get("revision"):
        yield "no_model_revision", "production needs vllm_model.revision, since a hub's main branch moves"
    if request.replicas is not None and request.replicas < 0:
        yield "bad_replicas", f"vllm_replicas is {request.replicas}; it must be 0 or more"
    if params["capacity_wait_timeout"] < 0 or params["lock_duration"] < 3:
        yield "invalid_input", "vllm_lock_duration must be at least 3 seconds, and vllm_capacity_wait_timeout at least 0"
    try:
        gates = _gate.parse(params["gates"])
    except InputError as error:
        yield "bad_gate", f"vllm_gates: {error}"
        return
    yield from _samples(request, gates)


def _samples(request: ApplyRequest, gates: t.Sequence[_gate.Gate]) -> t.Iterator[tuple[str, str]]:
    """A gate that the sample can never pass would be found out only after the rollout."""
    for gate in gates:
        # What is no sample is measured once.
        taken, least = 1 if gate.source == "most" else request.params["verify_samples"], _least(gate)
        if taken < least:
            yield "too_few_samples", f"gate {gate.name} needs at least {least} samples, and {taken} are taken (vllm_verify_samples): it could never pass"


def _least(gate: _gate.Gate) -> int:
    if gate.min_samples is not None:
        return gate.min_samples
    share = {"percentile": 1 - gate.percentile / 100, "share": gate.limit}.get(gate.source, 0.0)
    return _confidence.needed(share, gate.confidence) if 0 < share < 1 else 1


def _retire_problems(request: ApplyRequest) -> t.Iterator[tuple[str, str]]:
    if request.environment == "production" and not request.params["reason"]:
        yield "reason_missing", "a model of production is retired only with a reason; set retire_reason (reason)"
