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
    "aborted": "the engine aborted the generation; it is shutting down or has died",
    "adapter_missing": "a LoRA adapter is not loaded",
    "address_denied": "the address is loopback, link-local or metadata, and not among the allowed networks",
    "api_conflict": "the Kubernetes object changed or exists already; run again",
    "api_error": "the API server refused the request",
    "api_unreachable": "the API server gave no usable answer",
    "bad_answer": "the answer is not that of an OpenAI-compatible server",
    "bad_stream": "the stream is not one, or has an error inside",
    "catch_all": "a model that nobody serves is answered too; a gateway or another server is answering",
    "connection_config": "the kubeconfig or the connection options cannot be used",
    "connection_refused": "nothing listens at that address",
    "connection_reset": "the connection broke before the answer was complete",
    "dns": "the host name cannot be resolved",
    "empty_answer": "no token was generated, or nothing proves that one was",
    "exceeded": "what was measured is beyond the limit of the gate",
    "failed": "the task failed for a reason that has no code of its own",
    "forbidden": "the RBAC rule is missing",
    "golden_mismatch": "a golden prompt was not answered as expected",
    "helm_failed": "helm ended with an error; its own words are in the sentence",
    "http_status": "the server answered with an HTTP status other than 200",
    "invalid_input": "refused before anything was read or changed",
    "key_missing": "the server requires a key, and none was given",
    "key_not_carried": "the server requires a key, and the API server's proxy cannot carry one",
    "key_refused": "the key is missing or wrong (HTTP 401 or 403)",
    "key_unexpected": "the server requires a key although key_required is false",
    "lock_held": "another run holds the release lock, and the time to wait is up",
    "lock_lost": "another run took the release lock over; nothing more was changed from here",
    "met": "the limit of the gate is met",
    "no_answer": "no complete answer within the request's time",
    "no_data": "nothing was measured for the gate",
    "no_pods": "no pod is ready to be verified",
    "no_tool_call": "the model answered without calling the tool",
    "no_transport": "the endpoint was not reached, for a reason that is not its own",
    "not_applicable": "the check does not apply to this endpoint",
    "not_found": "the object does not exist",
    "not_http": "what the server sent is not the HTTP that was asked for",
    "not_offered": "the server does not have this route, and need not",
    "not_routed": "the router does not answer as the registry says",
    "not_tried": "an earlier check did not pass",
    "nothing_checked": "every check was skipped",
    "nothing_counted": "the metrics have not counted a request yet",
    "ok": "the check passed",
    "open_without_key": "the server answers without a key although one is required",
    "option_missing": "a check needs an option that was not given",
    "pods_replaced": "a newer ReplicaSet replaced the pods while they were verified",
    "prober_busy": "the prober itself was too busy to measure",
    "redirect": "the server redirects; redirects are not followed",
    "release_changed": "the release is not what the plan was made for",
    "release_record": "a Secret of the release is not a Helm release record",
    "replicas_differ": "the pods run different configurations",
    "requests_failed": "all measured requests failed",
    "rollout_failed": "the new pods did not get ready; the cause is in the result",
    "schema_mismatch": "the answer does not match the JSON schema",
    "series_missing": "the metrics lack a series",
    "timeout": "the time given was used up",
    "tls": "the TLS connection failed or the certificate is not trusted",
    "tls_unverified": "the certificate was not verified",
    "too_few_samples": "there are not enough samples for a verdict",
    "too_large": "the answer is larger than the limit",
    "transport_lost": "the connection to the endpoint broke on its way, again and again",
    "truncated": "the answer ended before it was complete",
    "unauthorized": "the credentials are wrong or have expired",
    "unknown_revision": "the router's answer does not name the revision",
    "verified": "every check and every gate passed",
    "wrong_model": "another model answers",
    "wrong_refusal": "the router refuses the model for another reason",
    "wrong_revision": "the router sends to another revision",
    "wrong_tool_call": "the tool was called with the wrong name or arguments",
}
