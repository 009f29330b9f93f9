#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_release_plan
short_description: Says what a deploy would change in a model's Helm release
description:
  - Renders the chart, reads Helm's own record of the release from its Secrets and compares the two by meaning,
    so that an edited template counts even when the chart's version did not move.
  - Names the bundle (what is deployed, made canonical and hashed) and its revision.
  - Refuses, before anything is changed, names that Kubernetes, Helm or vLLM cannot live with, a Helm that the installed
    kubernetes.core cannot drive, missing Secrets, missing permissions and a Deployment that Argo CD owns.
  - Sees releases that an interrupted Helm left in V(pending-install), V(pending-upgrade) or V(pending-rollback),
    and says how to recover them.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._attributes.reads_only
options:
  name:
    description: Name of the Helm release, by convention C({model}-{environment}).
    type: str
    required: true
    aliases: [release_name]
  namespace:
    description: Namespace of the release.
    type: str
    required: true
    aliases: [release_namespace]
  chart_ref:
    description: Folder of the chart. A remote chart is pulled first, so that its digest can be part of the bundle.
    type: path
    required: true
  values:
    description: Chart values, laid over O(values_files).
    type: dict
    default: {}
    aliases: [release_values]
  values_files:
    description: Values files, later ones over earlier ones.
    type: list
    elements: path
    default: []
  revision:
    description: The registry's name for the bundle. The short digest of the bundle when not given.
    type: str
    default: ""
  strategy:
    description:
      - Rollout strategy to plan with.
      - V(auto) keeps the strategy of the deployed revision, and takes V(RollingUpdate) for a new release.
    type: str
    choices: [auto, RollingUpdate, Recreate]
    default: auto
  kubernetes_core_version:
    description: Version of the kubernetes.core collection that will apply the plan; checked against Helm's when given.
    type: str
    default: ""
  binary_path:
    description: Path of the helm program. Found on E(PATH) when not given.
    type: path
  timeout:
    description: Seconds that the whole look may take.
    type: int
    default: 60
seealso:
  - module: inference.vllm.vllm_release
  - module: inference.vllm.vllm_gpu_capacity
"""

EXAMPLES = r"""
- name: Plan the release
  inference.vllm.vllm_release_plan:
    name: llama-3-8b-staging
    namespace: staging
    chart_ref: "{{ playbook_dir }}/charts/vllm-deployment"
    values:
      environment: staging
      model:
        source: meta-llama/Meta-Llama-3-8B-Instruct
        servedName: llama-3-8b
        size: small
  register: plan

- name: Stop in a freeze when anything would change
  ansible.builtin.assert:
    that: plan.action == 'none'
    fail_msg: "{{ plan.name }} would {{ plan.action }}: {{ plan.reason }}"
"""

RETURN = r"""
action:
  description: What a deploy would do; V(install), V(upgrade) or V(none).
  type: str
  returned: success
  sample: upgrade
reason:
  description: Why, in words.
  type: str
  returned: success
  sample: change Deployment llama-3-8b-staging
recovery:
  description: What must be done first for a release that an interrupted Helm left pending; V(rollback), V(uninstall) or null.
  type: str
  returned: success
recovery_revision:
  description: Helm revision to roll back to when RV(recovery) is V(rollback).
  type: int
  returned: success
name:
  description: Name of the release.
  type: str
  returned: success
namespace:
  description: Namespace of the release.
  type: str
  returned: success
revision:
  description: The registry's name for the bundle.
  type: str
  returned: success
  sample: 5c0e2a9f1b7d
bundle:
  description: Digest of the bundle.
  type: str
  returned: success
  sample: sha256:5c0e2a9f1b7d4e0f7a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c2d3e4f50617
bundle_content:
  description: What the digest was made of. Replicas, resources and placement belong to the environment and are not in it.
  type: dict
  returned: success
changes:
  description: One line an object that would be created, changed or removed.
  type: list
  elements: str
  returned: success
  sample: [change Deployment llama-3-8b-staging]
plan_diff:
  description: The objects that differ, as deployed and as planned.
  type: dict
  returned: success
  contains:
    before:
      description: YAML of the objects as deployed.
      type: str
    after:
      description: YAML of the objects as planned.
      type: str
chart_ref:
  description: Absolute path of the chart.
  type: str
  returned: success
values:
  description: The values that go to Helm, with the rollout strategy and the bundle filled in.
  type: dict
  returned: success
release_revision:
  description: Helm revision that is deployed now; 0 for none.
  type: int
  returned: success
newest_revision:
  description: Newest Helm revision of any status; 0 for none.
  type: int
  returned: success
workload:
  description: RV(workload.replicas), RV(workload.strategy), RV(workload.selector), RV(workload.pod_template) and
    RV(workload.progress_deadline_seconds) of the rendered Deployment.
  type: dict
  returned: success
helm_version:
  description: Version of the helm program.
  type: str
  returned: success
kube_version:
  description: Version of the API server.
  type: str
  returned: success
duration:
  description: Seconds taken.
  type: float
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deadline import Deadline
from ..module_utils._errors import Error
from ..module_utils.cluster._client import Client
from ..module_utils.cluster._connection import connect
from ..module_utils.cluster._options import kubernetes_options, with_environment
from ..module_utils.release import _look
from ..module_utils.release._helm import Helm


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **kubernetes_options(),
            "name": {"type": "str", "required": True, "aliases": ["release_name"]},
            "namespace": {"type": "str", "required": True, "aliases": ["release_namespace"]},
            "chart_ref": {"type": "path", "required": True},
            "values": {"type": "dict", "default": {}, "aliases": ["release_values"]},
            "values_files": {"type": "list", "elements": "path", "default": []},
            "revision": {"type": "str", "default": ""},
            "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
            "kubernetes_core_version": {"type": "str", "default": ""},
            "binary_path": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    names = ("name", "namespace", "chart_ref", "values", "revision", "strategy", "kubernetes_core_version")
    request = _look.Request(**{name: params[name] for name in names}, values_files=tuple(params["values_files"]))
    try:
        _look.refuse_bad_input(request)
        options = with_environment(params)
        deadline = Deadline(params["timeout"])
        result = _look.look(Client(connect(options), deadline), Helm(options, deadline, program=params["binary_path"]), request)
    except Error as error:
        module.fail_json(msg=f"{params['name']}: {error}")
    module.exit_json(changed=False, duration=round(deadline.elapsed(), 3), **result)


if __name__ == "__main__":
    main()
