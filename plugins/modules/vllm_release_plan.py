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
  - Refuses, before anything is changed, names that Kubernetes, Helm or vLLM cannot live with, missing Secrets, missing permissions
    and a Deployment that Argo CD owns.
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
  binary_path:
    description: Path of the helm program. Found on E(PATH) when not given.
    type: path
  timeout:
    description: Seconds that the whole look may take.
    type: int
    default: 60
attributes:
  action:
    description: Runs in the controller; the chart and helm must be there.
    support: full
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
    that: plan.change == 'none'
    fail_msg: "{{ plan.name }} would {{ plan.change }}: {{ plan.reason }}"
"""

RETURN = r"""
change:
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
release_values:
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
  description: What the rendered Deployment asks for.
  type: dict
  returned: success
  contains:
    replicas:
      description: How many pods.
      type: int
    strategy:
      description: How they are replaced.
      type: dict
    selector:
      description: Which pods are its own.
      type: dict
    pod_template:
      description: What each pod is made of.
      type: dict
    progress_deadline_seconds:
      description: How long it may take without progress.
      type: int
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
