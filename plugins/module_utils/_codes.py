# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Every ``code`` that a result, an event or an error of the collection may carry. Pure; docs/codes.md is made from this table.

A code is for machines (AWX, alerts, tests) and never changes with the wording of the sentence beside it.
"""

from __future__ import annotations

import typing as t

#: Code to what it means. Sorted by name, so that two people who add one do not meet on a line.
CODES: t.Final[dict[str, str]] = {
    "api_conflict": "the Kubernetes object changed or exists already; run again",
    "api_error": "the API server refused the request",
    "api_unreachable": "the API server gave no usable answer",
    "capacity_unknown": "whether the pods fit cannot be decided; `unknown` in the result names why",
    "connection_config": "the kubeconfig or the connection options cannot be used",
    "failed": "the task failed for a reason that has no code of its own",
    "forbidden": "the RBAC rule is missing",
    "helm_failed": "helm ended with an error; its own words are in the sentence",
    "invalid_input": "refused before anything was read or changed",
    "lock_held": "another run holds the release lock, and the time to wait is up",
    "lock_lost": "another run took the release lock over; nothing more was changed from here",
    "no_capacity": "no node that accepts the pod has enough free",
    "no_matching_node": "no node accepts the pod: labels, taints, cordons, readiness, or the resource is missing",
    "no_surge_capacity": "the pods fit, but not beside the old ones, as a rolling update needs",
    "not_found": "the object does not exist",
    "not_routed": "the router does not answer as the registry says",
    "pod_refused": "a LimitRange or ResourceQuota rejects the pod as it is written",
    "pod_rules": "topology spread, affinity or anti-affinity between pods keeps the pod off the nodes that have capacity",
    "pod_too_large": "one pod requests more of a resource than any node has in all",
    "quota_exceeded": "the nodes have capacity, but the namespace's ResourceQuota does not allow the pods",
    "release_changed": "the release is not what the plan was made for",
    "release_record": "a Secret of the release is not a Helm release record",
    "reserved_by_others": "the pods would fit, but pods of other releases are about to take the capacity",
    "rollout_failed": "the new pods did not get ready; the cause is in the result",
    "scheduling_gated": "a scheduling gate holds the pod back",
    "timeout": "the time given was used up",
    "unauthorized": "the credentials are wrong or have expired",
}
