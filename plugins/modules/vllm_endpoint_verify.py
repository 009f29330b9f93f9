#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_endpoint_verify
version_added: 1.0.0
short_description: Verify that a model generates, and how fast
description:
  - Asks an OpenAI-compatible endpoint for a real generation, reads a stream to its end, measures latency and compares it with limits (gates).
    A vLLM server can answer 200 on C(/health) while every generation fails, so nothing less proves that it serves.
  - Each check and each gate reports one of three verdicts. A check that cannot decide reports V(inconclusive), never V(pass).
  - With pods, each ready pod is checked alone and the latency sample is spread over all of them, so that one bad pod behind a Service is found.
  - Latencies are measured as C(vllm bench serve) does it, with TTFT to the first streamed chunk, inter-token latency (ITL) between chunks, TPOT per token
    after the first, and e2e to the last chunk; percentiles are interpolated linearly. Tokens are counted by the server, in C(usage).
  - Redirects are not followed, answers are read up to 1 MiB, and loopback, link-local and metadata addresses are refused unless allowed.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._attributes.reads_only
options:
  via:
    description:
      - How the endpoint is reached.
      - V(direct) opens O(url) from the machine that runs the module and needs no Kubernetes.
      - V(port_forward) goes through the API server to pods. It needs C(get) and C(list) on pods and C(create) on pods/portforward, and C(get) on the
        Service or Deployment that is named; C(list) on replicasets and C(get) on deployments for RV(subject.bundle).
      - V(service_proxy) goes through the API server to a Service. It needs C(get) and C(create) on services/proxy. The API server keeps
        the C(Authorization) header for itself, so a server that requires a key ends V(inconclusive).
      - V(router) opens O(url) of an API router, with the router's key. A router's C(/health) is about the router and is not checked.
      - V(auto) takes the first of V(port_forward), V(service_proxy) and V(direct) whose options are given and that opens a connection;
        RV(via) reports which.
    type: str
    choices: [auto, direct, port_forward, router, service_proxy]
    default: direct
  url:
    description: Address of the endpoint for O(via=direct), such as V(http://llama-3-8b.example.com:8000). A C(/v1) at the end makes no difference.
    type: str
  http_proxy:
    description:
      - URL of an HTTP proxy for O(url). The proxy then resolves the name, so only the URL itself is checked against the refused addresses.
      - The usual proxy environment variables are ignored.
    type: str
  namespace:
    description: Namespace of the pods.
    type: str
  service:
    description: Name of a Service; its ready pods are verified.
    type: str
  deployment:
    description: Name of a Deployment; its ready pods are verified.
    type: str
  pod:
    description: Name of one pod.
    type: str
  pods:
    description:
      - Which ready pods are verified.
      - V(new) takes only those of the newest ReplicaSet of O(deployment) (or of the Deployment with the name of O(service)).
    type: str
    choices: [all, new]
    default: all
  pod_port:
    description: Name or number of the port to verify; for a Service, the port of the Service.
    type: str
    default: http
  model:
    description: Name that the server must serve; the name of the model in the registry.
    type: str
    required: true
  kind:
    description: What the model does. Pooling models are V(embedding), base models without a chat template V(completion).
    type: str
    choices: [chat, completion, embedding]
    default: chat
  endpoint_api_key:
    description:
      - Key of the endpoint, sent as a bearer token. Read from E(VLLM_API_KEY) when not given.
      - Not to be confused with O(api_key), the token for the API server.
    type: str
  key_required:
    description:
      - Whether the server must (V(true)) or must not (V(false)) require a key. When not given, both are accepted.
      - A given key that is refused fails the check in any case.
    type: bool
  endpoint_ca_cert:
    description: Path of the CA certificates for an C(https) O(url) and O(reference_url). Those of the system when not given.
    type: path
  endpoint_validate_certs:
    description: Whether the certificate of an C(https) O(url) is verified.
    type: bool
    default: true
  allowed_networks:
    description: Networks of loopback, link-local or metadata addresses that O(url) may lead to nevertheless, such as V(127.0.0.0/8).
    type: list
    elements: str
    default: []
  checks:
    description:
      - What is checked, in this order.
      - When not given, V(tls) for an C(https) O(url) whose certificate is verified, V(health) (not for O(via=router)), V(models), V(authentication),
        the check of O(kind), V(stream) except for embeddings, V(lora) with O(lora_adapters), V(golden) with O(golden), and V(latency).
      - V(health), C(/health) answers 200.
      - V(ready), C(/ready) answers 200; vLLM does not offer it, and 404 is V(skipped), never a failure.
      - V(version), C(/version) answers.
      - V(models), C(/v1/models) lists O(model).
      - V(authentication), C(/v1/models) accepts the key, and without it answers as O(key_required) demands.
      - V(chat), V(completion), V(embedding), a real answer with at least one token, or with a vector.
      - V(stream), a streamed answer read to C([DONE]), without an error inside it.
      - V(wrong_model), a name that nobody serves is refused, which proves that no gateway answers in place of the model.
      - V(reach), a connection opens.
      - V(tls), the certificate is trusted; reports how many days are left, with a warning below 14.
      - V(tools), a tool call with the right name and arguments that match its schema.
      - V(json_schema), an answer that matches a JSON schema.
      - V(lora), each of O(lora_adapters) is listed as an adapter and answers.
      - V(golden), each of O(golden) is answered as expected.
      - V(metrics), C(/metrics) has each of O(metrics) and has counted our requests; list it after a check that generates.
      - V(replicas), all pods have the same C(system_fingerprint) and context length.
      - V(latency), O(samples) timed requests, which O(gates) then judge.
    type: list
    elements: str
    choices:
      - reach
      - tls
      - health
      - ready
      - version
      - models
      - authentication
      - chat
      - completion
      - embedding
      - stream
      - wrong_model
      - tools
      - json_schema
      - lora
      - golden
      - metrics
      - replicas
      - latency
  lora_adapters:
    description: Names of LoRA adapters for the check V(lora).
    type: list
    elements: str
    default: []
  metrics:
    description: Series that the check V(metrics) looks for.
    type: list
    elements: str
    default:
      - http_requests_total
      - vllm:e2e_request_latency_seconds_bucket
      - vllm:inter_token_latency_seconds_bucket
      - vllm:kv_cache_usage_perc
      - vllm:num_requests_running
      - vllm:num_requests_waiting
      - vllm:request_success_total
      - vllm:time_to_first_token_seconds_bucket
  golden:
    description:
      - Prompts whose answers at temperature 0 are known, for the check V(golden).
      - Each has exactly one of C(exact), C(prefix), C(regex), C(json_schema) and C(same).
    type: list
    elements: dict
    default: []
    suboptions:
      prompt:
        description: The prompt.
        type: str
        required: true
      exact:
        description: The whole answer.
        type: str
      prefix:
        description: How the answer starts.
        type: str
      regex:
        description: Regular expression to be found in the answer.
        type: str
      json_schema:
        description: JSON schema that the answer matches. Needs the Python package jsonschema.
        type: dict
      same:
        description: The answer is the same as that of O(reference_url).
        type: bool
        default: false
      max_tokens:
        description: Tokens that the answer may have. O(max_tokens) when not given.
        type: int
  reference_url:
    description: Address of another endpoint whose answers to O(golden) prompts with C(same) are the reference, such as staging.
    type: str
  reference_model:
    description: Name of the model there. O(model) when not given.
    type: str
  reference_api_key:
    description: Key of that endpoint.
    type: str
  prompt:
    description: Prompt of every request.
    type: str
    default: Say OK.
  prompt_words:
    description: Number of random words in the prompt of each timed request. Each prompt is different, so that no prefix cache helps. V(0) sends O(prompt).
    type: int
    default: 0
  max_tokens:
    description: Maximum tokens of each answer, 1 to 4096. Latency depends on it, so compare only runs with the same number.
    type: int
    default: 16
  ignore_eos:
    description: Whether timed answers always have O(max_tokens) tokens, so that their latencies can be compared. A vLLM extension.
    type: bool
    default: false
  samples:
    description:
      - Number of timed requests. V(0) measures nothing. Proving a P95 with 95 % confidence takes at least 59.
      - When not given, 5, or with O(duration) as many as fit into it.
    type: int
  concurrency:
    description: Number of requests at a time, at most 256. With O(rate), the maximum in flight.
    type: int
    default: 1
  warmup:
    description: Number of requests sent before the timed ones; they do not count. When not given, O(concurrency), and at least 2.
    type: int
  rate:
    description:
      - Requests a second, sent on a random (Poisson) schedule, however slow the server is. Gates then count e2e and TTFT from the schedule.
      - V(0) sends the next request when one has ended, which hides overload.
    type: float
    default: 0.0
  duration:
    description: Seconds after which no further timed request is sent, even when O(samples) were given and are not reached. V(0) for no such limit.
    type: float
    default: 0.0
  seed:
    description: Seed of the schedule of O(rate) and of the prompts of O(prompt_words).
    type: int
    default: 0
  slo:
    description: Limits that a request must meet to count as goodput; RV(latency.goodput) reports how many did.
    type: dict
    default: {}
    suboptions:
      e2e_seconds:
        description: Seconds to the last chunk.
        type: float
      ttft_seconds:
        description: Seconds to the first chunk.
        type: float
      itl_seconds:
        description: Seconds between two chunks, each of them.
        type: float
      tpot_seconds:
        description: Seconds for each token after the first.
        type: float
  gates:
    description:
      - Thresholds by name. A value is the limit, or a dictionary with C(max) (C(min) for throughput), C(min_samples) and C(confidence).
      - C(pNN_e2e_seconds), C(pNN_ttft_seconds), C(pNN_itl_seconds), C(pNN_tpot_seconds) limit a percentile, such as C(p95_e2e_seconds).
        A failed request counts as infinitely slow.
      - C(error_rate) limits the share of failed requests, such as 0.001.
      - C(completion_seconds) limits the first whole answer, of the slowest pod.
      - C(output_tokens_per_second), C(requests_per_second) and C(goodput_requests_per_second) (with O(slo)) demand a throughput.
      - Without C(min_samples), a percentile or share must be proven with C(confidence), 0.95 when not given; otherwise the verdict is V(inconclusive).
        "P95 at most 3 s" needs 59 samples with none above the limit, 93 with one above, 124 with two.
      - With C(min_samples), that many samples are enough and the percentile or share of the sample decides; RV(gates[].confidence) reports its confidence.
        Use it for quick verifications, and for shares that no small sample can prove.
    type: dict
    default: {}
  timeout:
    description: Seconds that the whole verification may take. Checks that were not reached by then are V(inconclusive).
    type: float
    default: 60.0
  request_timeout:
    description: Seconds that one request may take in total.
    type: float
    default: 30.0
  report:
    description: Path of a JSON file to write with the result and every timed request. Not written in check mode.
    type: path
  junit:
    description: Path of a JUnit XML file to write with each check and gate as a test case; V(inconclusive) is an error there. Not written in check mode.
    type: path
  fail_on:
    description:
      - Verdicts that fail the task. With an empty list the task never fails because of its findings, and the play judges RV(verdict).
      - Invalid options fail the task regardless of this list.
    type: list
    elements: str
    choices: [fail, inconclusive]
    default: [fail, inconclusive]
requirements:
  - kubernetes >= 24.2.0 (Python package; only through the API server)
  - jsonschema (Python package; only for O(golden[].json_schema))
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Verify the pods of a new revision before it is registered
  inference.vllm.vllm_endpoint_verify:
    via: port_forward
    namespace: staging
    deployment: llama-3-8b-staging
    pods: new
    model: llama-3-8b
    samples: 60
    concurrency: 4
    gates:
      p95_e2e_seconds: 3
      error_rate: {max: 0.001, min_samples: 60}
  register: verification

- name: Check any OpenAI-compatible endpoint, and judge in the play
  inference.vllm.vllm_endpoint_verify:
    url: https://models.example.com
    model: mistral-7b
    fail_on: []
  register: look

- name: Show the findings
  ansible.builtin.debug:
    msg: "{{ look.message }} (P95 {{ look.latency.e2e.p95 | default('unknown') }} s)"

- name: Verify an embedding model quickly; five samples prove little, and the result reports how little
  inference.vllm.vllm_endpoint_verify:
    via: port_forward
    namespace: development
    service: bge-m3-development
    model: bge-m3
    kind: embedding
    gates:
      p95_e2e_seconds: {max: 1, min_samples: 5}
"""

RETURN = r"""
verdict:
  description: V(fail) when a check or gate failed, else V(inconclusive) when one could not decide, else V(pass).
  type: str
  returned: always
  sample: pass
code:
  description:
    - V(verified), or the code of the first check or gate that has RV(verdict). Codes never change with the wording; docs/codes.md lists them.
    - V(pods_replaced) when a newer ReplicaSet appeared while O(pods=new) were verified; RV(verdict) is then V(inconclusive), whatever the checks found.
  type: str
  returned: always
  sample: http_status
message:
  description: The verdict in one sentence; for a failure, the first cause and where it was seen.
  type: str
  returned: always
  sample: "llama-3-8b: chat at pod llama-3-8b-staging-7d9f-x2x9k: POST /v1/chat/completions answered HTTP 500"
via:
  description: How the endpoint was reached.
  type: str
  returned: always
  sample: port_forward
where:
  description: What was verified, in words.
  type: str
  returned: always
  sample: 2 new pods of staging/llama-3-8b-staging
subject:
  description: What the result is evidence of, read from what was verified and never from the options. For a URL only C(model) and C(url).
  type: dict
  returned: always
  contains:
    model:
      description: O(model).
      type: str
    url:
      description: The URL that was verified; only for O(via=direct) and O(via=router).
      type: str
    namespace:
      description: Namespace of the pods.
      type: str
    release:
      description: The label C(app.kubernetes.io/instance) of the pods; empty when they have none, or not the same.
      type: str
    bundle:
      description:
        - The annotation C(inference.vllm/bundle) of the pods, or of the Deployment (or older ReplicaSet) that owns them.
        - Empty when there is none, when the pods have different templates, or when the user may not read the owners.
      type: str
      sample: sha256:5d5ea4d2b0c1f0f4b3e3d0b3f6a1c2d4e5f60718293a4b5c6d7e8f9012345678
    template_hash:
      description: The label C(pod-template-hash) of the pods; empty when they have different ones.
      type: str
      sample: 7d9f8c6b5
    pods:
      description: Names of the pods. With O(via=service_proxy), those that were ready behind the Service.
      type: list
      elements: str
pods:
  description: Names of the pods that were checked one by one; empty unless O(via=port_forward).
  type: list
  elements: str
  returned: always
checks:
  description:
    - One entry per check and pod, in the order of O(checks).
    - An entry C(reach) alone when the pods could not be found, and an entry C(pods) at the end when they were replaced by a newer ReplicaSet.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the check.
      type: str
      sample: chat
    pod:
      description: Name of the pod, where there is one.
      type: str
    verdict:
      description: V(pass), V(fail), V(inconclusive) or V(skipped).
      type: str
    code:
      description: V(ok) for a pass, else the cause, such as V(http_status), V(wrong_model) or V(empty_answer); docs/codes.md lists all.
      type: str
    message:
      description: What was found, in one sentence.
      type: str
    observed:
      description: What was seen; its form depends on the check. For V(http_status) it is the status.
      type: raw
    expected:
      description: What should have been seen.
      type: raw
    duration:
      description: Seconds that the check took.
      type: float
latency:
  description: Latencies of the timed requests in seconds; empty when none were sent.
  type: dict
  returned: always
  contains:
    e2e:
      description: From sending to the last chunk, with C(count), C(mean), C(min), C(max), C(p50), C(p90), C(p95) and C(p99) over the requests that succeeded.
      type: dict
    ttft:
      description: From sending to the first chunk; fields as in RV(latency.e2e).
      type: dict
    itl:
      description: Between two chunks, over all requests; fields as in RV(latency.e2e).
      type: dict
    tpot:
      description: A request's seconds for each token after the first; fields as in RV(latency.e2e).
      type: dict
    e2e_from_schedule:
      description: As RV(latency.e2e), but from when the request was due; only with O(rate).
      type: dict
    ttft_from_schedule:
      description: As RV(latency.ttft), but from when the request was due; only with O(rate).
      type: dict
    goodput:
      description: The C(requests) that met O(slo), their C(share) and C(requests_per_second); only with O(slo).
      type: dict
    method:
      description: How percentiles were computed.
      type: str
    loop:
      description: V(closed), or V(open) with O(rate).
      type: str
    requests:
      description: Number of timed requests.
      type: int
    failed:
      description: Number of those that failed.
      type: int
    errors:
      description: Number of failures by kind.
      type: dict
    error_rate:
      description: Share of requests that failed.
      type: float
    warmup:
      description: Number of warm-up requests, which do not count.
      type: int
    concurrency:
      description: O(concurrency).
      type: int
    rate:
      description: O(rate).
      type: float
    duration:
      description: Seconds that the timed requests took together.
      type: float
    requests_per_second:
      description: Requests a second.
      type: float
    output_tokens_per_second:
      description: Generated tokens a second.
      type: float
    prober_cpu_share:
      description: Share of one processor core that the module itself used. Above 0.5 the gates are V(inconclusive).
      type: float
gates:
  description: One entry per gate.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the gate.
      type: str
    verdict:
      description: V(pass), V(fail) or V(inconclusive).
      type: str
    code:
      description: V(met), V(exceeded), V(too_few_samples), V(no_data) or V(prober_busy).
      type: str
    observed:
      description: What was measured; C(inf) when failed requests reach the percentile.
      type: raw
    limit:
      description: The limit.
      type: float
    samples:
      description: Number of samples behind it.
      type: int
    min_samples:
      description: Number of samples that the gate needs.
      type: int
    confidence:
      description: Confidence of the verdict, for percentiles and shares.
      type: float
    message:
      description: What was found, in one sentence.
      type: str
restarts:
  description: How often the verification started again because pods were replaced, at most 3.
  type: int
  returned: always
duration:
  description: Seconds that the verification took.
  type: float
  returned: always
"""

from ..module_utils._module import serve
from ..module_utils.verification._module import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
