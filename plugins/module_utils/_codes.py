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
    "ambiguous_revision": "several revisions could be meant; name one",
    "api_conflict": "the Kubernetes object changed or exists already; run again",
    "api_error": "the API server refused the request",
    "api_unreachable": "the API server gave no usable answer",
    "commit_unknown": "whether the change was committed is not known; run again, which finds out and completes it",
    "connection_config": "the kubeconfig or the connection options cannot be used",
    "connection_lost": "the connection to the database broke; nothing was changed",
    "constraint_violated": "a constraint or a column's type refuses the value",
    "database_auth": "the database refuses the user or the password",
    "database_busy": "the database takes no connection at the moment",
    "database_driver": "neither psycopg nor psycopg2 can be imported",
    "database_missing": "the server has no database of this name",
    "database_tls": "the connection to the database cannot be encrypted or verified",
    "database_unreachable": "the database does not answer",
    "dead": "a routable row whose endpoint does not answer",
    "drift": "the live objects of a release are not as Helm recorded them",
    "duplicate": "several rows are routable for one release or model",
    "endpoint_failed": "the endpoint does not answer as it should",
    "evidence_mismatch": "the verification did not pass, or is about something else than what is registered",
    "failed": "the task failed for a reason that has no code of its own",
    "forbidden": "the RBAC rule is missing",
    "golden_mismatch": "a golden prompt was not answered as expected",
    "helm_failed": "helm ended with an error; its own words are in the sentence",
    "illegal_status_change": "an entry cannot change from its status to the one asked for",
    "invalid_input": "refused before anything was read or changed",
    "key_missing": "the server requires a key, and none was given",
    "key_not_carried": "the server requires a key, and the API server's proxy cannot carry one",
    "key_refused": "the key is missing or wrong (HTTP 401 or 403)",
    "key_unexpected": "the server requires a key although key_required is false",
    "lock_held": "another run holds the release lock, and the time to wait is up",
    "lock_lost": "another run took the release lock over; nothing more was changed from here",
    "lock_timeout": "another session held the registry's lock for longer than the time given",
    "no_ready_pod": "no pod of the Deployment is ready, or the Deployment does not exist",
    "no_traffic": "the weights would leave the model without traffic",
    "not_found": "the object does not exist",
    "not_granted": "the database user lacks a privilege",
    "not_in_inventory": "a routable row or a release of a model that the inventory does not have",
    "not_probed": "whether the endpoint answers could not be found out",
    "not_registered": "the registry has no such entry",
    "not_routed": "the router does not answer as the registry says",
    "orphan": "a routable row whose release does not exist",
    "read_only": "the database accepts no writes",
    "registry_refused": "the registry refused for a reason that has no code of its own",
    "release_changed": "the release is not what the plan was made for",
    "release_record": "a Secret of the release is not a Helm release record",
    "replicas_differ": "the pods run different configurations",
    "requests_failed": "all measured requests failed",
    "rollout_failed": "the new pods did not get ready; the cause is in the result",
    "schema_missing": "the registry's tables are missing or older than the collection",
    "schema_version": "the schema is at a version that does not allow this migration",
    "timeout": "the time given was used up",
    "tls": "the TLS connection failed or the certificate is not trusted",
    "tls_unverified": "the certificate was not verified",
    "too_few_samples": "there are not enough samples for a verdict",
    "too_large": "the answer is larger than the limit",
    "transport_lost": "the connection to the endpoint broke on its way, again and again",
    "truncated": "the answer ended before it was complete",
    "unauthorized": "the credentials are wrong or have expired",
    "unregistered": "a running release without a row",
    "unrouted": "a verified release that answers, and nothing of its model is routable",
    "version_conflict": "somebody changed the entry since it was read",
    "write_conflict": "another change came first; run again",
    "wrong_endpoint": "the row's endpoint is not the release's Service",
    "wrong_revision": "the release runs another revision than the row",
}
