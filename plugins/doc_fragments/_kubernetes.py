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
      - Path of a kubeconfig file, or its content as a dictionary.
      - Several paths with a colon between them are merged as E(KUBECONFIG) is by C(kubectl); the first file that has an entry wins.
      - Taken from E(K8S_AUTH_KUBECONFIG) when not given, then from E(KUBECONFIG), then C(~/.kube/config),
        and inside a pod from its service account.
    type: raw
  context:
    description: Name of a context in the kubeconfig. Taken from E(K8S_AUTH_CONTEXT) when not given.
    type: str
  host:
    description: URL of the API server. Taken from E(K8S_AUTH_HOST) when not given.
    type: str
  api_key:
    description:
      - Bearer token. Taken from E(K8S_AUTH_API_KEY) when not given.
      - The environment is the better place for it, as a playbook that fails is shown with the lines around the failure.
    type: str
  username:
    description: User name for basic authentication. Taken from E(K8S_AUTH_USERNAME) when not given.
    type: str
  password:
    description: Password for basic authentication. Taken from E(K8S_AUTH_PASSWORD) when not given, which is the better place for it.
    type: str
  ca_cert:
    description: Path of the CA certificate that signed the API server's. Taken from E(K8S_AUTH_SSL_CA_CERT) when not given.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description: Path of a client certificate. Taken from E(K8S_AUTH_CERT_FILE) when not given.
    type: path
    aliases: [cert_file]
  client_key:
    description: Path of the client certificate's key. Taken from E(K8S_AUTH_KEY_FILE) when not given.
    type: path
    aliases: [key_file]
  validate_certs:
    description:
      - Whether the API server's certificate is verified. Taken from E(K8S_AUTH_VERIFY_SSL) when not given,
        then from the kubeconfig; verified when nothing says otherwise.
    type: bool
    aliases: [verify_ssl]
  proxy:
    description:
      - URL of an HTTP proxy on the way to the API server, V(http://[user:password@]host:port).
      - Taken from E(K8S_AUTH_PROXY) when not given, then from C(proxy-url) in the kubeconfig.
      - The usual proxy variables of the environment are not followed.
    type: str
  impersonate_user:
    description: User to act as. Taken from E(K8S_AUTH_IMPERSONATE_USER) when not given, then from C(as) in the kubeconfig.
    type: str
  impersonate_groups:
    description: Groups to act as. Taken from E(K8S_AUTH_IMPERSONATE_GROUPS), separated by commas, when not given, then from C(as-groups).
    type: list
    elements: str
requirements:
  - kubernetes >= 24.2.0 (Python package; for a kubeconfig with an exec plugin, and for port-forwarding)
"""
