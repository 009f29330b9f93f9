#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_apply
version_added: 1.0.0
short_description: Deploy, verify, register or retire one model, and roll back when a step fails
description:
  - Does in one task what the roles deploy, register and retire do for one model. Acquires the release lock, plans, checks capacity,
    applies the Helm release, waits for the rollout, verifies the new pods and registers them.
  - The plan is made once, inside the lock, and compares the rendered chart with Helm's record and, by a server-side dry run, with what
    is live. What is registered is read from what was rendered.
  - When a step fails, rolls back to what was deployed and serving before, found by its content, and reports what is live as
    it was observed.
  - A run that was killed is continued by the next one. The lock is renewed for as long as the task works, and every write checks that
    it is still held.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
options:
  state:
    description: V(present) deploys, verifies and registers. V(verified) verifies and registers what is deployed, and changes no release.
      V(absent) takes the model out of the registry, drains it and uninstalls the release; volumes stay.
    type: str
    default: present
    choices:
      - present
      - verified
      - absent
  model:
    description: Name of the model in requests and in the registry; the engine serves it under this name.
    type: str
    required: true
  environment:
    description: V(development), V(staging) or V(production).
    type: str
    required: true
    choices:
      - development
      - staging
      - production
  namespace:
    description: Namespace of the release. The environment's name when empty.
    type: str
    default: ''
  release:
    description: Name of the Helm release, its Deployment and its Service. When empty it is C({model}-{environment}) where a Service
      can have that name, else a valid name made from the model's name and six digits of its hash.
    type: str
    default: ''
  revision:
    description: The registry's name for what is deployed. The bundle's short digest when empty.
    type: str
    default: ''
  promotes_from:
    description: Environment that this one takes its bundles from, by promotion only. When empty, it deploys what its inventory defines.
    type: str
    default: ''
  chart_ref:
    description: Folder of the chart. Pull a remote chart first (C(helm pull --untar)), because its digest is part of the bundle.
    type: path
    required: true
  values_files:
    description: Values files, later ones over earlier ones. All other values override them.
    type: list
    default: []
    elements: path
  model_options:
    description: The model, with C(source), C(revision) and C(size), as in the chart's C(model) value.
    type: dict
    default: {}
  image:
    description: The image, with C(repository) and C(tag) or C(digest), as in the chart's C(image) value.
    type: dict
    default: {}
  engine:
    description: Settings of the engine, as in the chart's C(engine) value.
    type: dict
    default: {}
  replicas:
    description: Number of pods. V(0) takes the model out of the routing, drains it and keeps the release without pods.
    type: int
    default: 1
  autoscaled:
    description: Leave the number of replicas to an autoscaler. An HPA or a ScaledObject that targets the Deployment is detected without
      it.
    type: bool
    default: false
  resources:
    description: CPU and memory requests and limits of a pod.
    type: dict
    default: {}
  api_key_secret:
    description: Existing Secret with the engine's API key, as C(name) and C(key). None when empty.
    type: dict
    default: {}
  hf_token_secret:
    description: Existing Secret with the model hub's token, as C(name) and C(key). None when empty.
    type: dict
    default: {}
  values:
    description: Further chart values; they override all others.
    type: dict
    default: {}
  kind:
    description: What the model does; the verification asks for that.
    type: str
    default: chat
    choices:
      - chat
      - completion
      - embedding
  binary_path:
    description: Path of the helm program. Found on E(PATH) when not given.
    type: path
  strategy:
    description: Rollout strategy. V(auto) chooses RollingUpdate when a surge pod fits, else Recreate.
    type: str
    default: auto
    choices:
      - auto
      - RollingUpdate
      - Recreate
  allow_downtime:
    description: Whether V(auto) may choose Recreate for a model that serves; it stops the old pods before the new ones start.
    type: bool
    default: false
  fix_drift:
    description: Whether drift (what was changed by hand in the cluster) is found and reverted.
    type: bool
    default: true
  capacity_fail_on:
    description: Capacity results that stop the run before anything is changed.
    type: list
    default:
      - fail
      - inconclusive
    choices:
      - fail
      - inconclusive
    elements: str
  capacity_wait:
    description: Whether to wait for capacity on the GPU nodes.
    type: bool
    default: false
  capacity_wait_timeout:
    description: Seconds to wait for capacity.
    type: float
    default: 1800.0
  rollback_on_failure:
    description: Whether a failed rollout or verification is rolled back to what was deployed and serving before.
    type: bool
    default: true
  lock_duration:
    description: Seconds after which another run may take over a lock that is no longer renewed.
    type: int
    default: 120
  lock_wait_timeout:
    description: Seconds to wait for another run on the release to finish.
    type: float
    default: 900.0
  wait_sleep:
    description: Seconds between two checks of a rollout.
    type: float
    default: 1.0
  progress_seconds:
    description: Seconds after which a progress line is printed even if nothing changed.
    type: float
    default: 15.0
  api_patience:
    description: Seconds for which requests are repeated when the API server becomes unreachable during the run.
    type: float
    default: 60.0
  drain_timeout:
    description: Seconds to wait for running requests to end before pods are scaled to 0 or removed.
    type: float
    default: 60.0
  reason:
    description: Reason, for the audit event. Required to remove a model from production.
    type: str
    default: ''
  verify_samples:
    description: Requests in the latency sample. A P95 with 95 % confidence needs 59 or more.
    type: int
    default: 5
  verify_concurrency:
    description: Concurrent requests in the latency sample. By default 4 for a sample that can prove a P95, otherwise 1.
    type: int
  verify_max_tokens:
    description: Maximum tokens of each answer in the sample.
    type: int
    default: 16
  verify_timeout:
    description: Seconds that the whole verification may take.
    type: float
    default: 90.0
  gates:
    description: Thresholds that the verification must meet, as in O(inference.vllm.vllm_endpoint_verify#module:gates).
    type: dict
    default: {}
  register:
    description: Whether the verified model is registered for routing.
    type: bool
    default: true
  display_name:
    description: Display name in the registry. Not changed when empty.
    type: str
    default: ''
  input_cost_per_token:
    description: Price of an input token, for routers that track costs.
    type: float
    default: 0.0
  output_cost_per_token:
    description: Price of an output token, for routers that track costs.
    type: float
    default: 0.0
  weight:
    description: Share of the model's traffic in percent, 0 to 100. All of it when not given.
    type: int
  router_url:
    description: Base URL of an API router. When given, the run waits until the router follows the registry.
    type: str
    default: ''
  router_model:
    description: Name of the model at the router. The model's own when empty.
    type: str
    default: ''
  router_consecutive:
    description: Number of matching answers in a row that prove it. Use several times the number of router replicas.
    type: int
    default: 3
  router_timeout:
    description: Seconds to wait for the router.
    type: float
    default: 120.0
  router_ca_cert:
    description: CA certificate of the router.
    type: str
    default: ''
  router_http_proxy:
    description: URL of an HTTP proxy for the router.
    type: str
    default: ''
  router_allowed_networks:
    description: Networks such as C(127.0.0.0/8) that the router's address may be in although they are loopback, link-local or reserved.
    type: list
    default: []
    elements: str
  actor:
    description: Actor recorded in the audit event. When empty, the AWX user, else the user who runs the playbook.
    type: str
    default: ''
  correlation_id:
    description: Identifier of the run, for the audit event. The AWX job when empty.
    type: str
    default: ''
  git_commit:
    description: Commit of the inventory, for the audit event. The revision of the AWX project when empty.
    type: str
    default: ''
  registry:
    description: Connection to the registry's database, where it is not in the C(PG*) variables. The options are those of M(inference.vllm.vllm_registry).
    type: dict
    suboptions:
      login_host:
        description: Host of the database, or the folder of its socket. Taken from E(PGHOST) when not given.
        type: str
      login_port:
        description: Port of the database. Taken from E(PGPORT) when not given.
        type: int
      login_user:
        description: User to connect as. Taken from E(PGUSER) when not given.
        type: str
      login_password:
        description: Password of O(registry.login_user). Taken from E(PGPASSWORD) when not given, then from C(~/.pgpass). It is never part of
          a message.
        type: str
      login_db:
        description: Name of the database. Taken from E(PGDATABASE) when not given.
        type: str
      service:
        description:
          - Name of an entry in the connection service file (E(PGSERVICEFILE), then C(~/.pg_service.conf)). Taken from E(PGSERVICE)
            when not given.
          - As for libpq, options go before the entry, and the entry before E(PGHOST) and the like.
        type: str
      ssl_mode:
        description:
          - How the connection is protected. Taken from E(PGSSLMODE) when not given.
          - When nothing says otherwise, O(registry.service)'s entry included, V(verify-full) for a database elsewhere, and V(prefer) on this
            machine.
        type: str
        choices:
          - disable
          - allow
          - prefer
          - require
          - verify-ca
          - verify-full
      ca_cert:
        description:
          - Path of the CA certificate that signed the server's. Taken from E(PGSSLROOTCERT) when not given, then C(~/.postgresql/root.crt),
            then the system's CAs.
        type: path
        aliases:
          - ssl_rootcert
      ssl_cert:
        description: Path of a client certificate. Taken from E(PGSSLCERT) when not given.
        type: path
      ssl_key:
        description: Path of the client certificate's key. Taken from E(PGSSLKEY) when not given.
        type: path
      schema:
        description: Schema of the registry's tables.
        type: str
        default: public
      timeout:
        description: Seconds that the module may take in all, whatever the database or the network does.
        type: float
        default: 15.0
attributes:
  check_mode:
    support: full
    details: Plans, checks capacity and predicts the registry's row; takes no lock and writes nothing.
  diff_mode:
    support: full
    details: The objects that differ, and the row.
  idempotent:
    support: full
  action:
    description: Runs on the controller, which needs the chart and helm.
    support: full
requirements:
  - helm >= 3.8 (program)
seealso:
  - module: inference.vllm.vllm_release_plan
  - module: inference.vllm.vllm_endpoint_verify
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Deploy, verify and register a model
  inference.vllm.vllm_apply:
    model: llama-3-8b
    environment: staging
    namespace: staging
    chart_ref: "{{ playbook_dir }}/charts/vllm-deployment"
    model_options:
      source: meta-llama/Meta-Llama-3-8B-Instruct
      revision: 8afb486c1db24fe5011ec46dfbe5b5dccdb575c2
      size: small
    image:
      repository: vllm/vllm-openai
      tag: v0.32.0
    gates:
      completion_seconds: 3
  register: applied

- name: Show what serves
  ansible.builtin.debug:
    msg: "{{ applied.outcome.revision }} at {{ applied.outcome.endpoint }}, {{ applied.outcome.status }}"

- name: Retire it
  inference.vllm.vllm_apply:
    state: absent
    model: llama-3-8b
    environment: staging
    chart_ref: "{{ playbook_dir }}/charts/vllm-deployment"
    reason: replaced by llama-3.1-8b
"""

RETURN = r"""
outcome:
  description: How it ended. Also returned when the task fails after something was changed.
  returned: when nothing was refused
  type: dict
  contains:
    result:
      description: V(unchanged), V(changed), V(planned) in check mode, V(rolled_back) or V(failed).
      type: str
    code:
      description: How it ended, as a stable code of C(docs/codes.md).
      type: str
      sample: deployed
    message:
      description: The same in a sentence.
      type: str
    next_step:
      description: What to do after a failure.
      type: str
    model:
      description: The served name, read from what was rendered.
      type: str
    environment:
      description: The environment.
      type: str
    namespace:
      description: Namespace of the release.
      type: str
    release:
      description: Name of the Helm release.
      type: str
    endpoint:
      description: Host and port of the rendered Service.
      type: str
      sample: llama-3-8b-staging.staging.svc.cluster.local:8000
    kind:
      description: What the model answers.
      type: str
    change:
      description: What was planned; V(none), V(install) or V(upgrade).
      type: str
    reason:
      description: Why.
      type: str
    revision:
      description: The registry's name for the bundle.
      type: str
    bundle:
      description: Digest of the bundle.
      type: str
    replicas:
      description: Pods that the release asks for; null where an autoscaler owns the number.
      type: int
    gpus:
      description: GPUs of all pods.
      type: int
    release_revision:
      description: Helm revision that is deployed afterwards.
      type: int
    status:
      description: Status of the registry's row; empty when nothing was registered.
      type: str
    verdict:
      description: V(pass) when the pods were verified.
      type: str
    event_ids:
      description: Audit events that the run wrote.
      type: list
      elements: int
    seconds:
      description: Duration of each phase in seconds.
      type: dict
    serving:
      description: After a failure, what was observed to be live.
      type: dict
code:
  description: The outcome's code, or that of the refusal.
  returned: always
  type: str
problems:
  description: All problems that were found, each with C(code) and C(message).
  returned: when something was refused before anything was changed
  type: list
  elements: dict
plan:
  description: The plan, as M(inference.vllm.vllm_release_plan) returns it.
  returned: in check mode
  type: dict
"""
