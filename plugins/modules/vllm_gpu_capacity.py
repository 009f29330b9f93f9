#!/usr/bin/python
# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_gpu_capacity
version_added: 1.0.0
short_description: Check whether replicas of a pod fit on the cluster, where, and if not, why
author:
  - The inference.vllm authors (@inference-vllm)
description:
  - Predicts for one pod and a number of replicas what the Kubernetes scheduler would do with them now,
    by the same rules, C(nodeSelector), affinity, taints, every resource name, pod slots, topology spread and quota,
    and node by node, since one free GPU on each of eight nodes is no capacity for a pod that needs eight.
  - RV(consistent_at) is the moment at which the answer was true. The answer itself reserves nothing.
  - What other runs of this collection are about to deploy counts as taken, see O(claims), and so does what O(reserved) names.
  - A rule that is not modeled makes the verdict V(inconclusive) and is named; it never makes it V(pass).
  - A node that is NotReady is left out, though the scheduler itself would still bind pods to it until it is tainted.
  - Capacity that only preemption of pods with lower priority would free is reported and never counted.
extends_documentation_fragment:
  - inference.vllm._attributes
  - inference.vllm._attributes.reads_only
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._kubernetes
options:
  namespace:
    description: Namespace of the pods. Its ResourceQuotas and LimitRanges are applied.
    type: str
    default: default
  replicas:
    description: Number of replicas in all, including those that replace running pods.
    type: int
    default: 1
  pod_template:
    description:
      - The pod as a PodTemplateSpec (C(metadata) and C(spec)), for instance the C(spec.template) of a Deployment as C(helm template) renders it.
      - A whole Pod, Deployment or StatefulSet is accepted too.
      - Without O(pod_template) and O(resources) the module describes the fleet instead, in RV(fleet).
    type: dict
  resources:
    description:
      - What one pod requests, by resource name, as Kubernetes quantities, for instance C(nvidia.com/gpu), C(nvidia.com/mig-1g.10gb),
        C(amd.com/gpu), C(cpu), C(memory).
    type: dict
  labels:
    description: Labels of the pod, which rules between pods match on. Used with O(resources).
    type: dict
  node_selector:
    description: C(nodeSelector) of the pod. Used with O(resources), and alone to describe only the nodes of the fleet that have these labels.
    type: dict
  tolerations:
    description: Tolerations of the pod. Used with O(resources).
    type: list
    elements: dict
  affinity:
    description: Affinity of the pod. Used with O(resources).
    type: dict
  topology_spread_constraints:
    description: C(topologySpreadConstraints) of the pod. Used with O(resources).
    type: list
    elements: dict
  priority_class_name:
    description: PriorityClass of the pod. Used with O(resources).
    type: str
  runtime_class_name:
    description: RuntimeClass of the pod, whose overhead, selector and tolerations are added. Used with O(resources).
    type: str
  replaces:
    description:
      - Pods of ReplicaSets and StatefulSets in O(namespace) that the new ones replace, so that their capacity counts as free at the end.
    type: dict
    suboptions:
      release:
        description: Name of the Helm release that is replaced, as in the label C(app.kubernetes.io/instance).
        type: str
      selector:
        description: Labels of the pods that are replaced, in addition to O(replaces.release).
        type: dict
      strategy:
        description:
          - How they are replaced. V(auto) checks whether the pods fit at the end, and recommends in RV(strategy) how to get there.
          - With V(RollingUpdate) the pods fit only if the update can finish while the old pods leave one by one.
        type: str
        choices: [auto, RollingUpdate, Recreate]
        default: auto
      max_surge:
        description: Surge pods of a rolling update, a number or a percentage.
        type: str
        default: "1"
      max_unavailable:
        description: Pods that may be missing during a rolling update, a number or a percentage.
        type: str
        default: "0"
  reserved:
    description:
      - Pods of other releases that are about to be created, for instance of models earlier in the same play.
      - They are placed first, in this order and by the same rules, so that free GPUs are not counted twice.
      - Pods that such a release has already are not counted again.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the release. By default that of the question.
        type: str
      release:
        description: Name of the Helm release.
        type: str
        required: true
      replicas:
        description: Number of replicas that it will have.
        type: int
        default: 1
      pod_template:
        description: Its pod, as in O(pod_template).
        type: dict
        required: true
      strategy:
        description: How it replaces the pods that it has. With V(Recreate) it needs no surge pods.
        type: str
        choices: [auto, RollingUpdate, Recreate]
        default: auto
      max_surge:
        description: Surge pods of its rolling update, a number or a percentage.
        type: str
        default: "1"
  claims:
    description:
      - Whether to count the claims of other runs, on this controller or elsewhere.
      - A run that holds its release lock claims what it is about to deploy. Of two claims the one that the API server stored first is ahead.
      - Without permission to list the Leases of all namespaces, only those of O(namespace) are counted, and RV(notes) reports it.
    type: bool
    default: true
  fail_on:
    description:
      - Verdicts that fail the task. By default the module only reports.
    type: list
    elements: str
    choices: [fail, inconclusive]
    default: []
  wait:
    description: Check again until the pods fit.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait in all with O(wait).
    type: float
    default: 1800
  wait_sleep:
    description: Seconds between the first two checks with O(wait). Each further pause is twice as long, with some jitter, up to 60 seconds.
    type: float
    default: 10
  timeout:
    description: Seconds that one check may take in all.
    type: float
    default: 30
notes:
  - An action plugin of the same name runs on the controller, so that O(wait) can print a line after each check.
"""

EXAMPLES = r"""
- name: Ask whether two replicas with one GPU each fit
  inference.vllm.vllm_gpu_capacity:
    namespace: development
    replicas: 2
    resources:
      nvidia.com/gpu: 1
      memory: 24Gi
    node_selector:
      node-type: gpu
    tolerations:
      - key: gpu-workload
        operator: Exists
        effect: NoSchedule
  register: capacity

- name: Show the answer
  ansible.builtin.debug:
    msg: "{{ capacity.message }}"

- name: Read an existing Deployment
  kubernetes.core.k8s_info:
    api_version: apps/v1
    kind: Deployment
    namespace: development
    name: llama-3-8b-development
  register: deployment

- name: Ask whether it could grow from its present size to four replicas
  inference.vllm.vllm_gpu_capacity:
    namespace: development
    replicas: 4
    pod_template: "{{ deployment.resources[0].spec.template }}"
    replaces:
      release: llama-3-8b-development
  register: growth
  when: deployment.resources | length > 0

- name: Read what the GPU nodes have free
  inference.vllm.vllm_gpu_capacity:
    node_selector:
      node-type: gpu
  register: gpus

- name: Show it
  ansible.builtin.debug:
    msg: "{{ gpus.message }}"

- name: Check whether a second model fits beside one that is about to be deployed
  inference.vllm.vllm_gpu_capacity:
    namespace: development
    resources:
      nvidia.com/gpu: 1
    node_selector:
      node-type: gpu
    tolerations:
      - key: gpu-workload
        operator: Exists
    reserved:
      - release: mistral-7b-development
        replicas: 2
        pod_template:
          spec:
            nodeSelector:
              node-type: gpu
            tolerations:
              - key: gpu-workload
                operator: Exists
            containers:
              - name: vllm
                resources:
                  requests:
                    nvidia.com/gpu: 1
  register: beside

- name: Stop unless both fit
  ansible.builtin.assert:
    that: beside.verdict == 'pass'
    fail_msg: "{{ beside.message }}"

- name: Wait up to ten minutes for a node with two free GPUs, else fail with the cause
  inference.vllm.vllm_gpu_capacity:
    namespace: development
    resources:
      nvidia.com/gpu: 2
    node_selector:
      node-type: gpu
    tolerations:
      - key: gpu-workload
        operator: Exists
    wait: true
    wait_timeout: 600
    fail_on: [fail, inconclusive]
"""

RETURN = r"""
verdict:
  description:
    - V(pass) when all replicas fit, once the pods of O(replaces) are gone; V(fail) when they do not.
    - V(inconclusive) when the outcome depends on something that is not modeled, cannot be read, or follows from the order in which the scheduler picks nodes.
  type: str
  returned: when a pod is given
  sample: fail
code:
  description: A stable code of the cause, for instance V(no_capacity) or V(quota_exceeded). Empty when the verdict is V(pass).
  type: str
  returned: success
  sample: no_capacity
message:
  description: The cause in one or two sentences.
  type: str
  returned: success
  sample: >-
    needs 2 GPUs on one node; the best node gpu-3 has 1 of 8 GPUs free;
    scaling `mistral-7b-development` in development to 0 would free 2 GPUs (2 on gpu-3).
replicas:
  description: The number of replicas of the question.
  type: int
  returned: when a pod is given
  sample: 2
certain:
  description: How many of them the quotas allow and get a node, in whatever order the scheduler picks nodes.
  type: int
  returned: when a pod is given
  sample: 2
possible:
  description: The same in the best order. It differs from RV(certain) only where rules between pods make the order matter.
  type: int
  returned: when a pod is given
  sample: 2
placements:
  description: One way to place them, node to number of replicas. The scheduler may choose another.
  type: dict
  returned: when a pod is given
  sample: {gpu-0: 1, gpu-1: 1}
slots:
  description: How many of the pod fit in all, quotas included. With rules between pods the count ends at 100.
  type: int
  returned: when a pod is given
  sample: 16
requests:
  description: What one pod requests. Here and below C(cpu) is in thousandths of a core, C(memory) in bytes, everything else in whole units.
  type: dict
  returned: when a pod is given
  sample: {nvidia.com/gpu: 1, memory: 25769803776, cpu: 500}
nodes:
  description: The nodes that were read, those with capacity first, then those that come closest; at most 200 of them.
  type: list
  elements: dict
  returned: when a pod is given
  contains:
    name:
      description: Name of the node.
      type: str
    slots:
      description: How many of the pod fit there.
      type: int
    open:
      description: Whether the node would accept the pod if it had enough free.
      type: bool
    why:
      description: What keeps the pod off the node, each reason as the end of a sentence that begins with the node's name.
      type: list
      elements: str
      sample: [has 1 of 8 GPUs free]
    short:
      description: What is missing for one pod, by resource.
      type: dict
    allocatable:
      description: Allocatable of the node, for each resource that the pod requests, and C(pods).
      type: dict
    requested:
      description: What its pods request. Empty when RV(nodes[].open) is false.
      type: dict
    free:
      description: The difference. Empty when RV(nodes[].open) is false.
      type: dict
nodes_seen:
  description: How many nodes were read.
  type: int
  returned: when a pod is given
  sample: 2
quota:
  description: The lines of the namespace's ResourceQuotas that count the pod.
  type: list
  elements: dict
  returned: when a pod is given
  contains:
    name:
      description: Name of the ResourceQuota.
      type: str
    resource:
      description: The line, for instance C(requests.nvidia.com/gpu).
      type: str
    hard:
      description: What is allowed.
      type: int
    used:
      description: What is used.
      type: int
    need:
      description: What all replicas add, less what the replaced pods give back.
      type: int
    short:
      description: What is missing.
      type: int
    why:
      description: Why the line refuses the pod, or cannot be judged, for another reason than its numbers. Empty otherwise.
      type: str
surge:
  description: Whether a rolling update with the surge pods of O(replaces.max_surge) can finish.
  type: dict
  returned: when a pod is given
  contains:
    pods:
      description: The number of surge pods.
      type: int
    verdict:
      description: V(pass), V(fail) or V(inconclusive).
      type: str
    why:
      description: What prevents it, or empty.
      type: str
strategy:
  description: The recommended strategy, V(RollingUpdate) where RV(surge.verdict) is V(pass), else V(Recreate).
  type: str
  returned: when a pod is given
  sample: RollingUpdate
downtime:
  description: The downtime that users of the model see when RV(strategy) is followed.
  type: str
  returned: when a pod is given
  sample: "none: each new pod starts beside the old ones"
replaced:
  description: How many running pods O(replaces) selects.
  type: int
  returned: when a pod is given
  sample: 2
holders:
  description: The releases that hold what the pod needs on nodes that accept it, lowest priority first; at most 200 of them.
  type: list
  elements: dict
  returned: when a pod is given
  contains:
    release:
      description: The label C(app.kubernetes.io/instance), else the owner's name, else the pod's.
      type: str
    namespace:
      description: Its namespace.
      type: str
    resource:
      description: The resource, the first extended one that the pod requests, else C(memory).
      type: str
    amount:
      description: How much of it is held.
      type: int
    pods:
      description: By how many pods.
      type: int
    nodes:
      description: How much on which node.
      type: dict
    priority:
      description: The highest priority among its pods.
      type: int
    frees_enough:
      description: Whether all replicas would fit without it. Tried for the first 20, and only where the replicas do not fit.
      type: bool
evictable:
  description: Pods of lower priority (C(namespace/name)), when the replicas do not fit but would without them.
  type: list
  elements: str
  returned: when a pod is given
reserved:
  description: What is placed before the pods of the question, from O(reserved) and from claims.
  type: list
  elements: dict
  returned: when a pod is given
  contains:
    release:
      description: The release whose pods they are.
      type: str
    namespace:
      description: Its namespace.
      type: str
    pods:
      description: How many pods are still to come.
      type: int
    placements:
      description: Where they were placed for this answer, node to number of pods.
      type: dict
    holder:
      description: The run that claims it, by the identity in its release lock. Empty for O(reserved).
      type: str
notes:
  description: Claims of other runs that could not be read, each in words. They do not change the verdict.
  type: list
  elements: str
  returned: when a pod is given
unknown:
  description: What is not modeled or could not be read, each in words.
  type: list
  elements: str
  returned: success
fleet:
  description: What each pool of nodes has of each extended resource.
  type: list
  elements: dict
  returned: when no pod is given
  contains:
    pool:
      description: The pool, by the label of the cloud's or Karpenter's node pools, else C(node-type).
      type: str
    product:
      description: The GPU product, by the vendor's node label.
      type: str
    resource:
      description: The resource, for instance C(nvidia.com/gpu).
      type: str
    nodes:
      description: Number of nodes.
      type: int
    closed:
      description: How many of them are cordoned or NotReady.
      type: int
    allocatable:
      description: What the nodes have for pods.
      type: int
    used:
      description: What pods hold.
      type: int
    free:
      description: What is left on nodes that are not closed.
      type: int
    largest_slot:
      description: The most that one node has left.
      type: int
    fragmentation:
      description: Percent of the free amount that is on nodes where other pods already hold some.
      type: int
consistent_at:
  description: The moment of the answer.
  type: dict
  returned: success
  contains:
    time:
      description: When the nodes were read (UTC).
      type: str
    resource_version:
      description: The API server's version of that list.
      type: str
looks:
  description: How often the cluster was checked.
  type: int
  returned: success
  sample: 1
waited:
  description: Seconds that were waited in all with O(wait).
  type: float
  returned: success
  sample: 0.0
api_requests:
  description: Requests to the API server of the last check.
  type: int
  returned: success
  sample: 4
api_bytes:
  description: Bytes that the last check read.
  type: int
  returned: success
  sample: 9642
"""

from ..module_utils._module import serve
from ..module_utils.capacity._module import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
