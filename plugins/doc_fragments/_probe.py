# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig, or its content as a dictionary. Taken from E(K8S_AUTH_KUBECONFIG), then E(KUBECONFIG), when not given.
      - Other ways to select a cluster are the variables E(K8S_AUTH_HOST), E(K8S_AUTH_API_KEY) and the like, since C(ca_cert) is the
        database's here.
    type: raw
  context:
    description: Context of the kubeconfig. Taken from E(K8S_AUTH_CONTEXT) when not given.
    type: str
  via:
    description:
      - How endpoints are reached.
      - V(direct) opens the entry's endpoint from the machine that runs the module.
      - V(port_forward) goes through the API server to the pods of the entry's release.
      - V(auto) is V(port_forward) for entries that name their release and namespace, and V(direct) for others.
    type: str
    choices: [auto, direct, port_forward]
    default: auto
  kinds:
    description: What a model does, by its name; V(chat), V(completion) or V(embedding). For entries without a kind in the registry; else V(chat).
    type: dict
    default: {}
  attempts:
    description: Attempts at one endpoint in one run; every failed attempt counts as a failure.
    type: int
    default: 1
  pause:
    description: Seconds between two attempts.
    type: float
    default: 5.0
  probe_concurrency:
    description: Number of endpoints that are probed at a time.
    type: int
    default: 8
  request_timeout:
    description: Seconds that one request may take in all.
    type: float
    default: 15.0
  prompt:
    description: Prompt of the request.
    type: str
    default: Say OK.
  max_tokens:
    description: Tokens that the answer may have.
    type: int
    default: 16
  endpoint_api_key:
    description: Key of the endpoints, sent as bearer token. Taken from E(VLLM_API_KEY) when not given.
    type: str
  endpoint_ca_cert:
    description: Path of the CA certificate that signed those of C(https) endpoints.
    type: path
  endpoint_validate_certs:
    description: Whether the certificates of C(https) endpoints are verified.
    type: bool
    default: true
  allowed_networks:
    description: Networks of loopback, link-local or metadata addresses that endpoints may nevertheless be in, such as V(127.0.0.0/8).
    type: list
    elements: str
    default: []
  http_proxy:
    description: URL of an HTTP proxy for endpoints that are opened directly.
    type: str
"""
