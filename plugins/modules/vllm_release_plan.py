#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_release_plan
version_added: 1.0.0
short_description: Plan what a deploy would change in a model's Helm release
description:
  - Renders the chart, reads Helm's own record of the release from its Secrets and compares their objects field by field, so that an edited template
    counts even when the chart's version did not change.
  - Also compares the live objects by a server-side dry run, so that drift is found and named (an image, a selector or a number of replicas that was
    changed by hand, a Service or Deployment that was deleted).
  - Names the bundle (what is deployed, made canonical and hashed) and its revision, and reads the endpoint and the served name from what was rendered.
  - Refuses, before anything is changed, names that Kubernetes, Helm or vLLM cannot use, a release of another chart, missing Secrets, missing
    permissions, objects that the API server would reject, and a Deployment that Argo CD owns.
  - Detects releases that an interrupted Helm left unfinished, and the records of it that have to be removed first.
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
    description: Folder of the chart. Pull a remote chart first (C(helm pull --untar)), because its digest is part of the bundle.
    type: path
    required: true
  values:
    description: Chart values; they override O(values_files).
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
      - V(auto) keeps the strategy of the live Deployment, and uses V(RollingUpdate) for a new release.
    type: str
    choices: [auto, RollingUpdate, Recreate]
    default: auto
  kind:
    description: What the model answers, for RV(where).
    type: str
    choices: [chat, completion, embedding]
    default: chat
  autoscaled:
    description: Leave the number of replicas out of the manifest. An HPA or a ScaledObject that targets the Deployment is detected without it.
    type: bool
    default: false
  fix_drift:
    description: Whether drift, a difference between the plan and the live objects, is a reason to change the release.
    type: bool
    default: true
  binary_path:
    description: Path of the helm program. Found on E(PATH) when not given.
    type: path
  timeout:
    description: Seconds that planning may take in all.
    type: int
    default: 60
attributes:
  action:
    description: Runs on the controller, which needs the chart and helm.
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

- name: Stop when anything would change
  ansible.builtin.assert:
    that: plan.change == 'none'
    fail_msg: "{{ plan.where.release }} would {{ plan.change }}: {{ plan.reason }}"
"""

RETURN = r"""
schema:
  description: Version of the plan's form; M(inference.vllm.vllm_release) reads this one.
  type: int
  returned: success
where:
  description: What is deployed where, read from what was rendered.
  type: dict
  returned: success
  contains:
    model:
      description: The served name.
      type: str
    environment:
      description: The environment.
      type: str
    namespace:
      description: Namespace of the release.
      type: str
    release:
      description: Name of the release.
      type: str
    endpoint:
      description: Host and port of the Service inside the cluster.
      type: str
      sample: llama-3-8b-staging.staging.svc.cluster.local:8000
    kind:
      description: What the model answers.
      type: str
change:
  description: What a deploy would do; V(install), V(upgrade) or V(none).
  type: str
  returned: success
  sample: upgrade
code:
  description: Why, as a stable code of C(docs/codes.md).
  type: str
  returned: success
  sample: changed
reason:
  description: Why, in words.
  type: str
  returned: success
  sample: change Deployment llama-3-8b-staging (replicas 1 -> 2)
changes:
  description: The objects that would be created, changed or removed.
  type: list
  elements: dict
  returned: success
  contains:
    action:
      description: V(create), V(change) or V(remove).
      type: str
    kind:
      description: Kind of the object.
      type: str
    name:
      description: Name of the object.
      type: str
    live:
      description: Whether the cluster differs from the plan; otherwise only Helm's record does.
      type: bool
    fields:
      description: The fields that differ. Values are shown only where they cannot be secrets.
      type: list
      elements: str
replaces_pods:
  description: Whether running pods would be replaced.
  type: bool
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
  description: What the digest was computed from. Replicas, resources and placement belong to the environment and are not in it.
  type: dict
  returned: success
plan_diff:
  description: The objects that differ, before and after.
  type: dict
  returned: success
  contains:
    before:
      description: YAML of the objects as deployed, or as live where only the cluster differs.
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
forget:
  description: Helm's records that an interrupted run left behind, and that are removed before the change.
  type: list
  elements: int
  returned: success
workload:
  description: What the rendered Deployment asks for.
  type: dict
  returned: success
  contains:
    replicas:
      description: How many pods; null where an autoscaler owns the number.
      type: int
    live_replicas:
      description: How many the live Deployment asks for; null where there is none.
      type: int
    gpus:
      description: GPUs of one pod.
      type: int
    strategy:
      description: How pods are replaced.
      type: dict
    selector:
      description: Labels that select its pods.
      type: dict
    pod_template:
      description: What each pod is made of.
      type: dict
    progress_deadline_seconds:
      description: How long it may take without progress.
      type: int
autoscaler:
  description: Kind and name of the autoscaler that targets the Deployment; empty for none.
  type: str
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
